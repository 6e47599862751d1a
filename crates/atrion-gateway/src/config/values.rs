// SPDX-License-Identifier: Apache-2.0
//! The kinds of values that stand in the file, each with what it must look like.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use atrion::Tier;
use atrion_core::durations;
use http::HeaderName;
use serde_json::Value;
use toml::de::DeValue;

use super::table::Item;

/// Where to listen or to connect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// Host and port: `10.0.0.1:80`, `[::1]:80`, `service:80`.
    Tcp(String),
    /// The path of a unix socket, written as `unix:/run/service.sock`.
    Unix(PathBuf),
}

impl Address {
    /// Reads an address as it stands in a file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            // The kernel's bound, with the byte that ends the name.
            return (path.starts_with('/') && path.len() < 108).then(|| Self::Unix(path.into()));
        }
        let authority: http::uri::Authority = text.parse().ok()?;
        let is_plain = !text.contains('@') && !authority.host().is_empty();
        (is_plain && authority.port_u16().is_some()).then(|| Self::Tcp(text.to_owned()))
    }
}

impl Address {
    /// The host of a TCP address, without brackets.
    pub(crate) fn host(&self) -> Option<&str> {
        let Self::Tcp(address) = self else { return None };
        let (host, _) = address.rsplit_once(':')?;
        Some(host.trim_start_matches('[').trim_end_matches(']'))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

pub(super) fn address(item: &Item<'_>) -> Option<Address> {
    item.parse("host:port, [address]:port or unix:/path", |value| Address::parse(value.as_str()?))
}

pub(super) fn flag(item: &Item<'_>) -> Option<bool> {
    item.parse("true or false", DeValue::as_bool)
}

pub(super) fn path(item: &Item<'_>) -> Option<PathBuf> {
    item.parse("the path of a file", |value| {
        value.as_str().filter(|text| !text.is_empty()).map(PathBuf::from)
    })
}

pub(super) fn duration(item: &Item<'_>) -> Option<Duration> {
    item.parse("a duration above zero with its unit, such as \"250ms\", \"1s\" or \"1m 30s\"", |value| {
        let read = durations::deserialize(Value::from(value.as_str()?)).ok();
        read.filter(|read| !read.is_zero() && *read <= LONGEST)
    })
}

/// No timer is longer: a sum of instants must not overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

pub(super) fn number<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Fn(&Item<'_>) -> Option<T> {
    move |item| {
        item.parse(&format!("a number in {}..={}", range.start(), range.end()), |value| {
            let number = value.as_integer()?;
            let digits = number.as_str().replace('_', "");
            let number = u64::from_str_radix(&digits, number.radix()).ok()?;
            T::try_from(number).ok().filter(|_| range.contains(&number))
        })
    }
}

pub(super) fn one_of<T: Copy>(choices: &'static [(&'static str, T)]) -> impl Fn(&Item<'_>) -> Option<T> {
    move |item| {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        item.parse(&format!("one of {}", names.join(", ")), |value| {
            let text = value.as_str()?;
            choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice)
        })
    }
}

pub(super) fn tier(item: &Item<'_>) -> Option<Tier> {
    let names: Vec<_> = Tier::ALL.iter().map(|tier| tier.as_str()).collect();
    item.parse(&format!("a tier: {}", names.join(", ")), |value| Tier::parse(value.as_str()?))
}

pub(super) fn header_name(item: &Item<'_>) -> Option<HeaderName> {
    item.parse("the name of a header", |value| value.as_str()?.parse().ok())
}

/// A block of addresses: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `address/bits` or `address`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(widest), |bits| bits.parse().ok())?;
        (bits <= widest).then_some(Self { address, bits })
    }

    /// Whether the address lies in the block. An IPv4 address inside of IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

pub(super) fn network(item: &Item<'_>) -> Option<Network> {
    item.parse("an address or a block of them, such as \"10.0.0.0/8\"", |value| {
        Network::parse(value.as_str()?)
    })
}

/// The texts of a value that is one, or a list of them.
pub(super) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items.iter().filter_map(Value::as_str)
}

/// The value in a form that serde reads, for the configuration of the engine. What cannot be in it
/// is a fault, wherever it stands.
pub(super) fn as_json(item: &Item<'_>) -> Option<Value> {
    match item.value {
        DeValue::Array(_) => {
            let items: Vec<_> = item.items().iter().map(as_json).collect();
            items.into_iter().collect()
        }
        DeValue::Table(_) => {
            let entry = |(name, item): (&str, Item<'_>)| Some((name.to_owned(), as_json(&item)?));
            let entries: Vec<_> = item.table()?.entries().map(entry).collect();
            entries.into_iter().collect::<Option<_>>().map(Value::Object)
        }
        _ => item.parse("a text, a flag or a number of 64 bits", plain),
    }
}

fn plain(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref() as &str),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            Value::from(i64::from_str_radix(&digits, number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::from(number.as_str().replace('_', "").parse::<f64>().ok()?),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(when) => Value::from(when.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_contain_what_begins_with_their_bits() {
        let contains =
            |block: &str, address: &str| Network::parse(block).unwrap().contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.1.2") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.1.2.3", "10.1.2.3") && !contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(contains("fd00::/8", "fd12::1") && contains("::/0", "2001:db8::1"));
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8/8", "host"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_a_port_or_a_path() {
        for right in ["127.0.0.1:80", "[::1]:8080", "service.local:1", "unix:/run/a.sock"] {
            assert_eq!(Address::parse(right).unwrap().to_string(), right);
        }
        for wrong in
            ["", "80", "host", ":80", "host:", "host:99999", "u@host:80", "unix:relative", "http://a:80"]
        {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }
}
