// SPDX-License-Identifier: Apache-2.0
//! From a request line to a response.

use atrion_core::Tier;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Value, json};

use super::Api;
use super::model::{RouteView, overrides_of};

/// The answer to a request, below any mount path.
pub(super) fn to(api: &Api, method: &Method, uri: &Uri) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "this API is read-only: use GET");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = get(api, uri);
    if method == Method::HEAD {
        *response.body_mut() = Full::default();
    }
    response
}

fn get(api: &Api, uri: &Uri) -> Response<Full<Bytes>> {
    match uri.path().trim_end_matches('/') {
        "/v1" => json(StatusCode::OK, &index(api)),
        "/v1/state" => json(StatusCode::OK, &api.state()),
        "/v1/route" => match parameter(uri, "name") {
            Some(name) => one_route(api, &name),
            None => problem(StatusCode::BAD_REQUEST, "say which route: ?name=…, percent-encoded"),
        },
        "/v1/events" => match after(uri) {
            Ok(number) => {
                json(StatusCode::OK, &Since { started_ms: api.started_ms(), page: api.events_after(number) })
            }
            Err(answer) => *answer,
        },
        "/v1/refusals" => match after(uri) {
            Ok(number) => {
                let refusals = api.refusals_after(number);
                json(StatusCode::OK, &json!({ "started_ms": api.started_ms(), "refusals": refusals }))
            }
            Err(answer) => *answer,
        },
        _ => problem(StatusCode::NOT_FOUND, "there is no such path: /v1 lists what there is"),
    }
}

const PATHS: [&str; 4] = ["/v1/state", "/v1/route?name=", "/v1/events?after=", "/v1/refusals?after="];

/// Numbered things, and since when they are counted: after a restart a client sees that its number
/// is of an earlier process.
#[derive(Serialize)]
struct Since<T> {
    started_ms: u64,
    #[serde(flatten)]
    page: T,
}

fn index(api: &Api) -> Value {
    let tier = |tier: Tier| json!({ "tier": tier.as_str(), "from_v": tier.band().0, "to_v": tier.band().1 });
    json!({
        "api": "atrion", "version": 1, "software": env!("CARGO_PKG_VERSION"), "started_ms": api.started_ms(),
        "paths": PATHS, "tiers": Tier::ALL.map(tier),
    })
}

fn one_route(api: &Api, name: &str) -> Response<Full<Bytes>> {
    match api.atrion().routes().find(name) {
        Some(found) => {
            let overrides = overrides_of(api.atrion());
            json(StatusCode::OK, &RouteView::of(&found.snapshot(), overrides.get(found.id())))
        }
        None => problem(StatusCode::NOT_FOUND, "there is no route of that name: /v1/state lists them"),
    }
}

fn after(uri: &Uri) -> Result<u64, Box<Response<Full<Bytes>>>> {
    parameter(uri, "after").map_or(Ok(0), |text| text.parse()).map_err(|_| {
        Box::new(problem(StatusCode::BAD_REQUEST, "`after` must be a number, one that an answer has given"))
    })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    respond(status, "application/json", value)
}

fn problem(status: StatusCode, detail: &str) -> Response<Full<Bytes>> {
    let title = status.canonical_reason().unwrap_or("error");
    let document = json!({ "title": title, "status": status.as_u16(), "detail": detail });
    respond(status, "application/problem+json", &document)
}

fn respond(status: StatusCode, kind: &'static str, value: &impl Serialize) -> Response<Full<Bytes>> {
    // Maps with text as keys: it cannot fail.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The first parameter of that name, decoded; `None` if it is not UTF-8.
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| *key == name)?.1;
    decoded(value)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'+', _) => (b' ', tail),
            (b'%', [high, low, tail @ ..]) => {
                let digit = |hex: &u8| char::from(*hex).to_digit(16);
                // Two hexadecimal digits are at most 255.
                (u8::try_from(digit(high)? * 16 + digit(low)?).ok()?, tail)
            }
            (b'%', _) => return None,
            (plain, _) => (*plain, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_nonsense_names_nothing() {
        let of = |query: &str| parameter(&format!("/v1/route?{query}").parse().unwrap(), "name");
        assert_eq!(of("name=GET%20/a%2Fb/%7Bid%7D").as_deref(), Some("GET /a/b/{id}"));
        assert_eq!(of("x=1&name=a+b").as_deref(), Some("a b"));
        assert_eq!(of("name=%C3%BC").as_deref(), Some("ü"));
        for hostile in ["name=%", "name=%2", "name=%zz", "name=%ff", "nam=x", ""] {
            assert_eq!(of(hostile), None, "{hostile}");
        }
    }
}
