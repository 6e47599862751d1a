// SPDX-License-Identifier: Apache-2.0
//! A refusal as an HTTP response: a problem document (RFC 9457) or a gRPC status.

use std::time::Duration;

use atrion_engine::{Route, Shed};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::grpc;
use crate::header;
use crate::trace::group;

/// How much a refusal tells. Resistance and voltage are internal to the service; a public edge may
/// not want to show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Detail {
    /// Route, reason, resistance and voltage.
    #[default]
    Full,
    /// Route and reason.
    Reason,
    /// Only that it is a refusal, and when to retry.
    Minimal,
}

/// The `type` of the problem document of every refusal.
///
/// It is a name to compare with and no address: a client that finds it knows that the request was
/// shed by Atrion and can read the other members. RFC 9457 asks for a URI that stays the same, and
/// allows one that cannot be fetched. An `https:` URI would promise a page for as long as clients
/// are in use, and `about:blank` would say no more than the status. The URN namespace `atrion` is
/// in no registry.
pub const PROBLEM_TYPE: &str = "urn:atrion:problem:request-shed";

/// The refusal of a request; `grpc` is the content type of a gRPC call, if the request is one.
pub(crate) fn response(
    shed: &Shed,
    route: &Route,
    detail: Detail,
    grpc: Option<&HeaderValue>,
) -> Response<Bytes> {
    let mut response = match grpc {
        Some(kind) => grpc_status(shed, route, detail, kind),
        None => problem(shed, route, detail),
    };
    let marker = if detail == Detail::Minimal { "1" } else { shed.reason().as_str() };
    response.headers_mut().insert(header::SHED, HeaderValue::from_static(marker));
    // A shared cache must not answer others with it.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // For outer middleware that logs or counts.
    response.extensions_mut().insert(*shed);
    response
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    /// The group whose gate has refused, if it was not the route's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Ohms.
    #[serde(skip_serializing_if = "Option::is_none")]
    resistance: Option<f64>,
    /// Volts.
    #[serde(skip_serializing_if = "Option::is_none")]
    voltage: Option<f64>,
    retry_after_ms: u64,
    /// How long the answer would have taken, where it would have come past the deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_ms: Option<u32>,
}

fn problem(shed: &Shed, route: &Route, detail: Detail) -> Response<Bytes> {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let tells = |least| (detail as u8 <= least as u8).then_some(());
    let document = Problem {
        r#type: PROBLEM_TYPE,
        title: "Request shed",
        status: status.as_u16(),
        detail: sentence(shed, route, detail),
        route: tells(Detail::Reason).map(|()| route.id().as_str()),
        group: tells(Detail::Reason).and_then(|()| group(route, shed)),
        reason: tells(Detail::Reason).map(|()| shed.reason().as_str()),
        resistance: tells(Detail::Full).map(|()| tenths(shed.resistance().get())),
        voltage: tells(Detail::Full).map(|()| tenths(shed.voltage().get())),
        retry_after_ms: millis(shed.retry_after()),
        expected_ms: tells(Detail::Reason).and_then(|()| shed.refusal().expected_ms.map(u32::from)),
    };
    // Strings and numbers always have a JSON form; without the body the head still says enough.
    let body = serde_json::to_vec(&document).map(Bytes::from).unwrap_or_default();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds(shed.retry_after())));
    response
}

/// A response of headers alone ("Trailers-Only").
///
/// Always `UNAVAILABLE`, also at a cap: gRPC's retry policies and balancers act on this code, and
/// for every reason here another replica, or the same one a little later, can admit the call.
/// `RESOURCE_EXHAUSTED` would mean a quota that is used up. The pushback tells the client's retry
/// policy when.
fn grpc_status(shed: &Shed, route: &Route, detail: Detail, kind: &HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind.clone());
    headers.insert(header::GRPC_STATUS, HeaderValue::from_static(grpc::UNAVAILABLE));
    if let Ok(message) = HeaderValue::try_from(grpc::percent_encoded(&sentence(shed, route, detail))) {
        headers.insert(header::GRPC_MESSAGE, message);
    }
    headers.insert(header::GRPC_PUSHBACK, HeaderValue::from(millis(shed.retry_after())));
    response
}

fn sentence(shed: &Shed, route: &Route, detail: Detail) -> String {
    let wait = shed.retry_after().as_secs_f64();
    match detail {
        Detail::Full => format!(
            "{} refused a request of {} at {} ({}); retry in {wait:.1} s",
            route.refuser(shed),
            shed.voltage(),
            shed.resistance(),
            shed.reason()
        ),
        Detail::Reason => {
            format!("{} refused the request ({}); retry in {wait:.1} s", route.refuser(shed), shed.reason())
        }
        Detail::Minimal => format!("the service is overloaded; retry in {wait:.1} s"),
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Whole seconds, rounded up, and never 0, which some clients take for "at once".
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Whole milliseconds, rounded up.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_rounded_down_or_to_nothing() {
        let wait = Duration::from_micros;
        for (given, secs, ms) in
            [(0, 1, 0), (1, 1, 1), (999_999, 1, 1_000), (1_000_001, 2, 1_001), (60_000_000, 60, 60_000)]
        {
            assert_eq!((seconds(wait(given)), millis(wait(given))), (secs, ms), "{given} us");
        }
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}
