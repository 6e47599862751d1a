// SPDX-License-Identifier: Apache-2.0
//! What a service learns of its client: `X-Forwarded-*`, and `Forwarded` (RFC 7239).

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use http::header::FORWARDED;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Forwarding;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Fields that speak of the client too, and are never written here.
const ALSO: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-port"), HeaderName::from_static("x-real-ip")];

/// Adds what is known of the client. What an untrusted client says of itself goes first.
pub(crate) fn tell(
    forwarding: &Forwarding,
    headers: &mut HeaderMap,
    client: Option<SocketAddr>,
    is_tls: bool,
    host: &Authority,
) {
    let is_trusted =
        client.is_some_and(|client| forwarding.trusted.iter().any(|net| net.contains(client.ip())));
    if !is_trusted {
        for name in [FOR, HOST, PROTO, FORWARDED].iter().chain(&ALSO) {
            headers.remove(name);
        }
    }
    let scheme = if is_tls { "https" } else { "http" };
    let address = client.map(|client| client.ip().to_canonical());
    if forwarding.x_forwarded {
        if let Some(address) = address {
            add(headers, &FOR, &address.to_string());
        }
        // The first proxy of a chain that is trusted has seen the client itself.
        for (name, value) in [(HOST, host.as_str()), (PROTO, scheme)] {
            if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
    }
    if forwarding.forwarded {
        let mut element = String::from("for=");
        // Writing to a text does not fail.
        let _ = match address {
            Some(IpAddr::V4(address)) => write!(element, "{address}"),
            Some(IpAddr::V6(address)) => write!(element, "\"[{address}]\""),
            None => write!(element, "unknown"),
        };
        let _ = write!(element, ";host=\"{host}\";proto={scheme}");
        add(headers, &FORWARDED, &element);
    }
}

/// Adds an element to a list. One that comes in several fields becomes one.
fn add(headers: &mut HeaderMap, name: &HeaderName, element: &str) {
    let mut list: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    list.push(element.as_bytes());
    if let Ok(joined) = HeaderValue::from_bytes(&list.join(&b", "[..])) {
        headers.insert(name, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Network;

    fn told(forwarding: &Forwarding, client: &str, pairs: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        tell(forwarding, &mut headers, client.parse().ok(), true, &Authority::from_static("shop:80"));
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn clients_do_not_speak_for_themselves() {
        let forged = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1"), ("x-real-ip", "1.1.1.1")];
        let wanted = ["x-forwarded-for: 192.0.2.9", "x-forwarded-host: shop:80", "x-forwarded-proto: https"];
        assert_eq!(told(&Forwarding::default(), "192.0.2.9:5", &forged), wanted);
    }

    #[test]
    fn trusted_proxies_are_added_to() {
        let forwarding = Forwarding {
            trusted: vec![Network::parse("192.0.2.0/24").unwrap()],
            forwarded: true,
            ..Forwarding::default()
        };
        let said = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "for=1.1.1.1"),
        ];
        let wanted = [
            "forwarded: for=1.1.1.1, for=192.0.2.9;host=\"shop:80\";proto=https",
            "x-forwarded-for: 1.1.1.1, 2.2.2.2, 192.0.2.9",
            "x-forwarded-host: shop:80",
            "x-forwarded-proto: http",
        ];
        assert_eq!(told(&forwarding, "192.0.2.9:5", &said), wanted);
        let only = Forwarding { x_forwarded: false, forwarded: true, trusted: vec![] };
        assert_eq!(
            told(&only, "[2001:db8::1]:5", &[]),
            ["forwarded: for=\"[2001:db8::1]\";host=\"shop:80\";proto=https"]
        );
        assert_eq!(told(&only, "", &[]), ["forwarded: for=unknown;host=\"shop:80\";proto=https"]);
    }
}
