// SPDX-License-Identifier: Apache-2.0
//! What of gRPC's wire format admission needs: to know a gRPC message, and its status.

use atrion_core::Outcome;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

/// `UNAVAILABLE`.
pub(crate) const UNAVAILABLE: &str = "14";

/// gRPC and gRPC-Web, with whatever message format.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME))
    })
}

const NAME: &[u8] = b"application/grpc";

/// What a `grpc-status` says about the callee. One that is no number is `UNKNOWN`, as for gRPC's own clients.
pub(crate) fn outcome(status: &HeaderValue) -> Outcome {
    match status.to_str().ok().and_then(|status| status.parse::<u8>().ok()).unwrap_or(2) {
        0 => Outcome::Success,
        // UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS
        2 | 4 | 8 | 13 | 14 | 15 => Outcome::Failure,
        _ => Outcome::Ignored,
    }
}

/// `text` as a `grpc-message`: percent-encoded UTF-8.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
