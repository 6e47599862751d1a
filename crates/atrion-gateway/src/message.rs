// SPDX-License-Identifier: Apache-2.0
//! What a request must be before it is passed on, and what is passed on of its head: RFC 9110
//! section 7, RFC 9112 sections 3, 6 and 7, RFC 9113 section 8.
//!
//! hyper has parsed the head and framed the body before. What it accepts as a server, but what a
//! service behind could read in another way, ends here.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, HOST, MAX_FORWARDS, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, request, response};

/// Why a request is not passed on. The sentence goes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Unacceptable {
    pub(crate) status: StatusCode,
    pub(crate) what: &'static str,
}

const fn bad(what: &'static str) -> Unacceptable {
    Unacceptable { status: StatusCode::BAD_REQUEST, what }
}

const fn unknown(what: &'static str) -> Unacceptable {
    Unacceptable { status: StatusCode::NOT_IMPLEMENTED, what }
}

/// Checks what the service behind could read in another way, and gives the authority that is asked
/// for.
pub(crate) fn check(parts: &request::Parts) -> Result<Authority, Unacceptable> {
    if parts.method == Method::CONNECT {
        return Err(unknown("this is no tunnel"));
    }
    framing(parts)?;
    let authority = authority(parts)?;
    if authority.as_str().contains('@') {
        return Err(bad("an authority has no user information"));
    }
    Ok(authority)
}

/// Counts down how far a question about the way may go (RFC 9110, 7.6.2).
pub(crate) fn count_down(parts: &mut request::Parts) -> Result<(), Unacceptable> {
    if parts.method != Method::OPTIONS && parts.method != Method::TRACE {
        return Ok(());
    }
    let Some(left) = parts.headers.get(MAX_FORWARDS) else { return Ok(()) };
    let left = left.to_str().ok().and_then(|left| left.parse::<u32>().ok());
    let left = left.ok_or_else(|| bad("a max-forwards that is no number"))?;
    let left =
        left.checked_sub(1).ok_or_else(|| unknown("the request goes no further, by its max-forwards"))?;
    parts.headers.insert(MAX_FORWARDS, HeaderValue::from(left));
    Ok(())
}

/// A body has one length, told in one way.
fn framing(parts: &request::Parts) -> Result<(), Unacceptable> {
    let headers = &parts.headers;
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    if lengths > 1 {
        return Err(bad("more than one content-length"));
    }
    if !headers.contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    if parts.version != Version::HTTP_11 {
        return Err(bad("a transfer-encoding belongs to HTTP/1.1"));
    }
    if lengths > 0 {
        return Err(bad("both content-length and transfer-encoding"));
    }
    if !is_plainly_framed(headers) {
        return Err(unknown("a transfer-encoding other than chunked"));
    }
    Ok(())
}

/// Whether a message has no transfer coding, or chunked alone. Others would have to be undone here.
pub(crate) fn is_plainly_framed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

fn authority(parts: &request::Parts) -> Result<Authority, Unacceptable> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err(bad("more than one host"));
    }
    let parsed = |host: &HeaderValue| Authority::try_from(host.as_bytes()).ok();
    match (parts.uri.authority(), host) {
        // An authority in the target goes before the header (RFC 9112, 3.2.2) ...
        (Some(asked), Some(_)) if parts.version < Version::HTTP_2 => Ok(asked.clone()),
        // ... and must agree with it in HTTP/2 (RFC 9113, 8.3.1).
        (Some(asked), Some(host)) => parsed(host)
            .filter(|host| host == asked)
            .map(|_| asked.clone())
            .ok_or_else(|| bad("host and :authority do not agree")),
        (Some(asked), None) if parts.version != Version::HTTP_11 => Ok(asked.clone()),
        (None, Some(host)) => parsed(host).ok_or_else(|| bad("a host that is none")),
        (None, None) if parts.version == Version::HTTP_10 => Ok(Authority::from_static("localhost")),
        _ => Err(bad("no host")),
    }
}

/// The protocol that the client wants to change to, if it asks as it has to.
pub(crate) fn upgrade(parts: &request::Parts) -> Option<HeaderValue> {
    let wanted = parts.headers.get(UPGRADE)?;
    let is_asked = parts.version == Version::HTTP_11
        && options(&parts.headers).any(|o| o.eq_ignore_ascii_case("upgrade"));
    let has_body = parts.headers.contains_key(TRANSFER_ENCODING)
        || parts.headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    // A change to HTTP/2 would let later requests of the connection pass by the gate.
    let is_http = wanted.as_bytes().len() >= 2 && wanted.as_bytes()[..2].eq_ignore_ascii_case(b"h2")
        || wanted.as_bytes().to_ascii_lowercase().starts_with(b"http");
    (is_asked && !has_body && !is_http).then(|| wanted.clone())
}

/// Removes from a request what is meant for this hop alone.
pub(crate) fn end_hop(headers: &mut HeaderMap, upgrade: Option<HeaderValue>) {
    let wants_trailers = headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")));
    remove_named(headers);
    for name in HOP {
        headers.remove(name);
    }
    // hyper has answered it, or will when the body is asked for.
    headers.remove(EXPECT);
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// The same for a response; one that changes protocols keeps what says so.
pub(crate) fn end_hop_of_response(parts: &mut response::Parts) {
    let upgrade = (parts.status == StatusCode::SWITCHING_PROTOCOLS)
        .then(|| parts.headers.get(UPGRADE).cloned())
        .flatten();
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        parts.headers.remove(CONTENT_LENGTH);
    }
    remove_named(&mut parts.headers);
    for name in HOP {
        parts.headers.remove(name);
    }
    if let Some(protocol) = upgrade {
        parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(UPGRADE, protocol);
    }
}

/// Fields of one connection (RFC 9110, 7.6.1).
const HOP: [HeaderName; 6] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Fields that no connection option can take away from the service.
const END_TO_END: [HeaderName; 5] = [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST];

/// Removes what `Connection` names.
fn remove_named(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let named: Vec<HeaderName> = options(headers)
        .filter_map(|option| HeaderName::from_bytes(option.as_bytes()).ok())
        .filter(|name| !END_TO_END.contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

fn options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Says that the message has come through here (RFC 9110, 7.6.3).
pub(crate) fn add_via(headers: &mut HeaderMap, version: Version) {
    let own = match version {
        Version::HTTP_10 => "1.0 atrion",
        Version::HTTP_2 => "2.0 atrion",
        _ => "1.1 atrion",
    };
    headers.append(VIA, HeaderValue::from_static(own));
}

/// Names TE among what belongs to the hop (RFC 9110, 10.1.4), which HTTP/2 does not have.
pub(crate) fn name_te(headers: &mut HeaderMap) {
    if headers.contains_key(TE) {
        headers.append(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Joins the pieces that HTTP/2 may cut a cookie into (RFC 9113, 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let pieces: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(version: Version, target: &str, pairs: &[(&str, &str)]) -> request::Parts {
        let mut builder = Request::builder().version(version).uri(target);
        for (name, value) in pairs {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_passed_on() {
        let (one, old, two) = (Version::HTTP_11, Version::HTTP_10, Version::HTTP_2);
        let host = ("host", "a");
        for (version, target, pairs, status) in [
            (one, "/", vec![], 400),
            (one, "/", vec![host, ("host", "a")], 400),
            (one, "/", vec![("host", "")], 400),
            (one, "/", vec![("host", "a b")], 400),
            (one, "/", vec![("host", "u@a")], 400),
            (one, "http://u:p@a/", vec![host], 400),
            (one, "http://a/", vec![], 400),
            (one, "/", vec![host, ("content-length", "1"), ("content-length", "1")], 400),
            (one, "/", vec![host, ("content-length", "1"), ("transfer-encoding", "chunked")], 400),
            (one, "/", vec![host, ("transfer-encoding", "gzip, chunked")], 501),
            (one, "/", vec![host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], 501),
            (old, "/", vec![host, ("transfer-encoding", "chunked")], 400),
            (two, "http://a/", vec![("host", "b")], 400),
            (two, "/", vec![], 400),
        ] {
            let checked = check(&parts(version, target, &pairs));
            assert_eq!(checked.unwrap_err().status.as_u16(), status, "{version:?} {target} {pairs:?}");
        }
        for (version, target, pairs, authority) in [
            (one, "/", vec![host], "a"),
            (one, "http://b:80/", vec![host], "b:80"),
            (one, "/", vec![host, ("transfer-encoding", "Chunked")], "a"),
            (old, "/", vec![], "localhost"),
            (two, "http://a/", vec![], "a"),
            (two, "http://a/", vec![("host", "A")], "a"),
            (two, "/", vec![host], "a"),
        ] {
            let checked = check(&parts(version, target, &pairs));
            assert_eq!(checked.unwrap().as_str(), authority, "{version:?} {target} {pairs:?}");
        }
    }

    #[test]
    fn a_hop_ends_here_and_takes_nothing_of_the_service_along() {
        let mut headers = parts(
            Version::HTTP_11,
            "/",
            &[
                ("host", "a"),
                ("connection", "close, X-Own , cookie, content-length"),
                ("connection", "keep-alive"),
                ("x-own", "1"),
                ("keep-alive", "timeout=5"),
                ("cookie", "a=1"),
                ("content-length", "3"),
                ("te", "gzip, Trailers"),
                ("upgrade", "websocket"),
                ("expect", "100-continue"),
                ("x-other", "2"),
            ],
        )
        .headers;
        end_hop(&mut headers, None);
        let mut left: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        left.sort_unstable();
        let wanted =
            [("content-length", "3"), ("cookie", "a=1"), ("host", "a"), ("te", "trailers"), ("x-other", "2")];
        assert_eq!(left, wanted);
    }

    #[test]
    fn only_a_change_of_protocols_that_is_asked_for_is_one() {
        let of = |version, pairs: &[(&str, &str)]| upgrade(&parts(version, "/", pairs));
        let asked = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
        assert_eq!(of(Version::HTTP_11, &asked).unwrap(), "websocket");
        assert_eq!(of(Version::HTTP_10, &asked), None);
        assert_eq!(of(Version::HTTP_11, &asked[1..]), None);
        assert_eq!(of(Version::HTTP_11, &[asked[0], asked[1], ("content-length", "3")]), None);
        for wanted in ["h2c", "H2", "HTTP/2.0"] {
            assert_eq!(of(Version::HTTP_11, &[asked[0], ("upgrade", wanted)]), None, "{wanted}");
        }
    }

    #[test]
    fn pieces_of_a_cookie_become_one() {
        let mut headers = parts(Version::HTTP_2, "/", &[("cookie", "a=1"), ("cookie", "b=2")]).headers;
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
