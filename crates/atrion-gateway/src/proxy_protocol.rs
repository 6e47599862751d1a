// SPDX-License-Identifier: Apache-2.0
//! The PROXY protocol, versions 1 and 2: who is at the other end of a balancer.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// What the first bytes of a connection say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // the header is whole, or it is not
pub enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// The header.
    Header {
        /// Its bytes; what follows is the client's.
        length: usize,
        /// The client, where it has an address of TCP. `None`: a check by the balancer itself, or a
        /// client of another kind.
        client: Option<SocketAddr>,
    },
}

/// Bytes that are no PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no PROXY header, or one with a fault")]
#[non_exhaustive]
pub struct ProxyProtocolError;

/// No header is longer: a bound for what is read before it is whole.
pub const LONGEST: usize = 16 + 4096;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Reads the header at the start of `bytes`.
///
/// # Errors
/// There is none, and no further bytes could make it one.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    let starts = |with: &[u8]| bytes.iter().zip(with).all(|(one, other)| one == other);
    if starts(SIGNATURE) {
        version_2(bytes)
    } else if starts(b"PROXY ") {
        version_1(bytes)
    } else {
        Err(ProxyProtocolError)
    }
}

/// A line of text: `PROXY TCP4 192.0.2.1 198.51.100.1 5000 443`.
fn version_1(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    /// With the end of the line.
    const LONGEST_LINE: usize = 107;
    let Some(end) = bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE { Ok(Parsed::Incomplete) } else { Err(ProxyProtocolError) };
    };
    let line = bytes[..end].strip_suffix(b"\r").ok_or(ProxyProtocolError)?;
    let line = std::str::from_utf8(line).map_err(|_| ProxyProtocolError)?;
    let words: Vec<_> = line.split(' ').collect();
    let client = match *words {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", "TCP4", from, to, port, other] => Some(client::<Ipv4Addr>(from, to, port, other)?),
        ["PROXY", "TCP6", from, to, port, other] => Some(client::<Ipv6Addr>(from, to, port, other)?),
        _ => return Err(ProxyProtocolError),
    };
    Ok(Parsed::Header { length: end + 1, client })
}

fn client<A: FromStr + Into<IpAddr>>(
    source: &str,
    destination: &str,
    from: &str,
    to: &str,
) -> Result<SocketAddr, ProxyProtocolError> {
    let address = |text: &str| text.parse::<A>().map_err(|_| ProxyProtocolError);
    let port = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_plain).ok_or(ProxyProtocolError)
    };
    // The destination is this side: it has to be there, and nothing more.
    address(destination)?;
    port(to)?;
    Ok(SocketAddr::new(address(source)?.into(), port(from)?))
}

fn version_2(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    let Some((head, rest)) = bytes.split_first_chunk::<16>() else { return Ok(Parsed::Incomplete) };
    let &[.., version, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if 16 + length > LONGEST {
        return Err(ProxyProtocolError);
    }
    // The upper half is the version; the lower one says whether the balancer speaks for itself.
    let is_own = match version {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyProtocolError),
    };
    if family >> 4 > 3 || family & 0x0f > 2 {
        return Err(ProxyProtocolError);
    }
    let Some(addresses) = rest.get(..length) else { return Ok(Parsed::Incomplete) };
    let client = match family {
        _ if is_own => None,
        0x11 => Some(from::<4, 12>(addresses)?),
        0x21 => Some(from::<16, 36>(addresses)?),
        _ => None,
    };
    Ok(Parsed::Header { length: 16 + length, client })
}

/// The source in a block of `ALL` bytes that begins with two addresses of `ONE` bytes and two ports.
fn from<const ONE: usize, const ALL: usize>(addresses: &[u8]) -> Result<SocketAddr, ProxyProtocolError>
where
    IpAddr: From<[u8; ONE]>,
{
    let block = addresses.first_chunk::<ALL>().ok_or(ProxyProtocolError)?;
    let address = block.first_chunk::<ONE>().ok_or(ProxyProtocolError)?;
    let port = u16::from_be_bytes([block[2 * ONE], block[2 * ONE + 1]]);
    Ok(SocketAddr::new(IpAddr::from(*address), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: usize, client: &str) -> Result<Parsed, ProxyProtocolError> {
        Ok(Parsed::Header { length, client: client.parse().ok() })
    }

    #[test]
    fn a_line_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 443\r\nGET /";
        assert_eq!(parse(line), header(44, "192.0.2.1:5000"));
        assert_eq!(parse(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), header(32, "[2001:db8::1]:1"));
        assert_eq!(parse(b"PROXY UNKNOWN whatever\r\n"), header(24, ""));
        for end in 0..44 {
            assert_eq!(parse(&line[..end]), Ok(Parsed::Incomplete), "{end}");
        }
    }

    #[test]
    fn a_block_names_the_client() {
        let mut block = SIGNATURE.to_vec();
        block.extend([0x21, 0x11, 0, 15, 192, 0, 2, 1, 198, 51, 100, 1, 0x13, 0x88, 1, 0xbb, 3, 0, 0]);
        for end in 0..block.len() {
            assert_eq!(parse(&block[..end]), Ok(Parsed::Incomplete), "{end}");
        }
        assert_eq!(parse(&block), header(31, "192.0.2.1:5000"));
        block[12] = 0x20;
        assert_eq!(parse(&block), header(31, ""));
        for (at, wrong) in [(12, 0x11), (12, 0x22), (13, 0x41), (13, 0x13), (14, 0x20)] {
            let mut block = block.clone();
            block[at] = wrong;
            assert_eq!(parse(&block), Err(ProxyProtocolError), "{at}");
        }
        // Too short for the addresses that it promises.
        block[12..16].copy_from_slice(&[0x21, 0x11, 0, 11]);
        assert_eq!(parse(&block), Err(ProxyProtocolError));
    }

    #[test]
    fn what_is_none_is_told_at_the_first_byte_that_says_so() {
        let long = format!("PROXY UNKNOWN {}", "x".repeat(107));
        for wrong in [
            &b"GET / HTTP/1.1"[..],
            b"PROXX",
            b"\r\n\r\nx",
            b"PROXY TCP4 1.2.3.4\r\n",
            b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 +2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            b"PROXY UNKNOWN\n",
            long.as_bytes(),
        ] {
            assert_eq!(parse(wrong), Err(ProxyProtocolError), "{}", wrong.escape_ascii());
        }
    }
}
