// SPDX-License-Identifier: Apache-2.0
//! The parts of gRPC's wire format that admission needs: how to tell a gRPC message, and its
//! status.

use atrion_core::Outcome;
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Version};

use crate::grpc_web::WebStatus;
use crate::head::RequestHead;

/// `UNAVAILABLE`.
pub(crate) const UNAVAILABLE: &str = "14";

/// The content type of a gRPC or gRPC-Web call, if `request` is one.
///
/// The content type alone does not make a call, because any client can send it with any request: a
/// call is a POST, and it comes over HTTP/2 or accepts trailers. gRPC-Web needs neither of the two.
pub(crate) fn call_type<B>(request: &Request<B>) -> Option<&HeaderValue> {
    let headers = request.headers();
    let kind = headers.get(CONTENT_TYPE).filter(|_| is_grpc(headers))?;
    let is_web = kind.as_bytes().get(NAME.len()..).is_some_and(|rest| rest.starts_with(b"-web"));
    let takes_trailers = || headers.get(TE).is_some_and(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    let is_call = is_web || request.version() >= Version::HTTP_2 || takes_trailers();
    (request.method() == Method::POST && is_call).then_some(kind)
}

/// Tells gRPC and gRPC-Web, in any message format.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME))
    })
}

/// Tells gRPC that has trailers from gRPC-Web, which has them in its body.
pub(crate) fn has_trailers(headers: &HeaderMap) -> bool {
    is_grpc(headers) && WebStatus::of(headers).is_none()
}

/// Whether a call asks about the server instead of asking it for work: a health check, or
/// reflection.
pub(crate) fn is_about_the_server(head: &RequestHead<'_>) -> bool {
    const SERVICES: [&str; 3] = [
        "/grpc.health.v1.Health/",
        "/grpc.reflection.v1.ServerReflection/",
        "/grpc.reflection.v1alpha.ServerReflection/",
    ];
    let path = head.uri.path();
    // Most paths end here.
    path.starts_with("/grpc.")
        && *head.method == Method::POST
        && is_grpc(head.headers)
        && SERVICES.iter().any(|service| path.starts_with(service))
}

const NAME: &[u8] = b"application/grpc";

/// What a `grpc-status` says about the callee. A status that is no number is `UNKNOWN`, as for
/// gRPC's own clients.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_characters_fits_a_header() {
        let encoded = percent_encoded("50 % of \"ü\"\n");
        assert_eq!(encoded, "50 %25 of \"%C3%BC\"%0A");
        assert!(HeaderValue::try_from(encoded).is_ok());
    }

    #[test]
    fn grpc_is_known_by_its_content_type() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("Application/GRPC+proto", true),
            ("application/grpc-web-text", true),
            ("application/json", false),
            ("application/gr", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            assert_eq!(is_grpc(&headers), expected, "{kind}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn codes_about_the_callee_are_failures_and_codes_about_the_call_are_not() {
        let of = |status: &'static str| outcome(&HeaderValue::from_static(status));
        assert_eq!(of("0"), Outcome::Success);
        for failure in ["2", "4", "8", "13", "14", "15", "", "ok", "-1", "256"] {
            assert_eq!(of(failure), Outcome::Failure, "{failure}");
        }
        for ignored in ["1", "3", "5", "6", "7", "9", "10", "11", "12", "16", "17"] {
            assert_eq!(of(ignored), Outcome::Ignored, "{ignored}");
        }
    }
}
