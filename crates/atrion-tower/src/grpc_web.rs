// SPDX-License-Identifier: Apache-2.0
//! The status of a gRPC-Web response: its trailers are the last frame of its body, because
//! JavaScript sees no trailers of HTTP.
//!
//! The body is a sequence of frames: a flag byte, four bytes of length, and as many bytes. The
//! highest bit of the flag marks the trailers, lines as in HTTP/1. The text form is the same in
//! base64, in any number of pieces with a padding each.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Reads the frames of one body as they come. It keeps nothing but the trailers, up to a bound.
#[derive(Debug)]
pub(crate) struct WebStatus {
    text: Option<Base64>,
    head: [u8; HEAD],
    /// How many bytes of the current frame's head are there.
    head_len: usize,
    /// How many bytes of the current frame are still to come.
    left: u32,
    trailers: Vec<u8>,
}

const HEAD: usize = 5;
const TRAILERS: u8 = 0x80;

/// Longer trailers are read to here, in bytes. The status stands in the first lines.
const LONGEST: usize = 8 << 10;

impl WebStatus {
    /// `None`: a response with these headers is not gRPC-Web.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.as_bytes();
        let starts =
            |with: &[u8]| kind.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        let text = starts(b"application/grpc-web-text").then(Base64::default);
        starts(b"application/grpc-web").then(|| Self {
            text,
            head: [0; HEAD],
            head_len: 0,
            left: 0,
            trailers: Vec::new(),
        })
    }

    /// Reads the next piece of the body.
    pub(crate) fn read(&mut self, piece: &[u8]) {
        let Some(mut text) = self.text.take() else { return self.read_frames(piece) };
        for &character in piece {
            if let Some((bytes, count)) = text.next(character) {
                self.read_frames(&bytes[..count]);
            }
        }
        self.text = Some(text);
    }

    fn read_frames(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.head_len < HEAD {
                let (now, later) = bytes.split_at(bytes.len().min(HEAD - self.head_len));
                self.head[self.head_len..self.head_len + now.len()].copy_from_slice(now);
                self.head_len += now.len();
                bytes = later;
                if self.head_len == HEAD {
                    let [_, length @ ..] = self.head;
                    self.left = u32::from_be_bytes(length);
                }
            } else {
                let (now, later) = bytes.split_at(bytes.len().min(self.left as usize));
                if self.head[0] & TRAILERS != 0 {
                    let room = LONGEST - self.trailers.len();
                    self.trailers.extend_from_slice(&now[..now.len().min(room)]);
                }
                // No longer than `left`, which is a `u32`.
                self.left -= now.len() as u32;
                bytes = later;
            }
            if self.head_len == HEAD && self.left == 0 {
                self.head_len = 0;
            }
        }
    }

    /// The trailers, if there were any.
    pub(crate) fn trailers(&self) -> Option<HeaderMap> {
        let lines = self.trailers.split(|byte| *byte == b'\n');
        let pairs = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(line[..colon].trim_ascii()).ok()?;
            Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
        });
        let trailers: HeaderMap = pairs.collect();
        (!trailers.is_empty()).then_some(trailers)
    }
}

/// Decodes base64 as it comes. Four characters are three bytes; a padding ends a piece, and the
/// next one begins afresh.
#[derive(Debug, Default)]
struct Base64 {
    bits: u32,
    count: u32,
    padding: u32,
}

impl Base64 {
    /// The bytes of the quantum that `character` completes. What is no base64 is skipped.
    fn next(&mut self, character: u8) -> Option<([u8; 3], usize)> {
        let six = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                self.padding += 1;
                0
            }
            _ => return None,
        };
        self.bits = self.bits << 6 | u32::from(six);
        self.count += 1;
        if self.count < 4 {
            return None;
        }
        let ([_, bytes @ ..], padding) = (self.bits.to_be_bytes(), self.padding);
        *self = Self::default();
        Some((bytes, 3usize.saturating_sub(padding as usize)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(kind: &'static str) -> WebStatus {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        WebStatus::of(&headers).unwrap()
    }

    /// A message of three bytes, an empty one, the trailers.
    const BODY: &[u8] = b"\0\0\0\0\x03abc\0\0\0\0\0\x80\0\0\0\x24grpc-status: 5\r\nGrpc-Message: none\r\n";
    /// The same as two pieces of base64, the first of five bytes.
    const TEXT: &[u8] = b"AAAAAAM=YWJjAAAAAACAAAAAJGdycGMtc3RhdHVzOiA1DQpHcnBjLU1lc3NhZ2U6IG5vbmUNCg==";

    #[test]
    fn the_status_is_found_however_the_body_is_cut() {
        for (kind, body) in [("application/grpc-web+proto", BODY), ("application/grpc-web-text", TEXT)] {
            for size in 1..=body.len() {
                let mut status = reader(kind);
                body.chunks(size).for_each(|piece| status.read(piece));
                let trailers = status.trailers().unwrap();
                assert_eq!(trailers["grpc-status"], "5", "{kind} by {size}");
                assert_eq!(trailers["grpc-message"], "none");
            }
        }
    }

    #[test]
    fn a_body_without_trailers_has_none() {
        for body in [&BODY[..13], b"", b"\x80\0\0\0\0", b"\x80\0\0\0\x02no"] {
            let mut status = reader("application/grpc-web");
            status.read(body);
            assert_eq!(status.trailers(), None, "{body:?}");
        }
    }

    #[test]
    fn trailers_of_any_length_are_kept_to_a_bound() {
        let mut status = reader("application/grpc-web");
        status.read(b"\x80\xff\xff\xff\xffgrpc-status:0\r\n");
        for _ in 0..100 {
            status.read(&[b'x'; 1_000]);
        }
        assert_eq!(status.trailers.len(), LONGEST);
        assert_eq!(status.trailers().unwrap()["grpc-status"], "0");
    }

    #[test]
    fn other_kinds_are_not_looked_into() {
        for kind in ["application/grpc", "application/grpc+proto", "text/plain"] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            assert!(WebStatus::of(&headers).is_none(), "{kind}");
        }
    }
}
