// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The conditions on every request: it is for this host, from this page, and signed in.
//!
//! *Host*: a page of another site can point its own name at this address (DNS rebinding); its
//! requests then carry that name, and get 421. *Origin*: a page of another site, or of another port
//! of this machine, cannot post here. There are no CORS headers at all, so nothing of another
//! origin reads an answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;
use super::sessions;
use crate::rooms::Place;
use crate::sessions::Pass;
use crate::shared::Shared;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                   trusted-types 'none'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CSP),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Adds the headers to every answer, errors included.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

pub(super) async fn right_host_and_origin(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let named = request.uri().authority().map(|authority| authority.as_str());
    let Some(host) = host(request.headers(), named).filter(|host| is_ours(&shared, host)) else {
        let detail = "this is not the host that was asked for: add its name to `hosts` if it should be";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response();
    };
    let judged = if request.method() == Method::POST {
        is_from_the_page(request.headers(), &host)
    } else {
        is_no_foreign_read(request.headers())
    };
    match judged {
        Ok(()) => next.run(request).await,
        Err(detail) => Problem::new(StatusCode::FORBIDDEN, detail).into_response(),
    }
}

/// The one host that a request names.
fn host(headers: &HeaderMap, named: Option<&str>) -> Option<String> {
    let mut all = headers.get_all(HOST).iter();
    let host = all.next()?.to_str().ok()?.to_ascii_lowercase();
    let is_alone = all.next().is_none() && named.is_none_or(|named| named.eq_ignore_ascii_case(&host));
    is_alone.then_some(host)
}

fn is_ours(shared: &Shared, host: &str) -> bool {
    let (ip, port) = (shared.address.ip(), shared.address.port());
    let with_port = |name: &str| {
        host.strip_prefix(name)
            .is_some_and(|rest| rest == format!(":{port}") || (port == 80 && rest.is_empty()))
    };
    let address = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let local = ip.is_loopback() || ip.is_unspecified();
    (!ip.is_unspecified() && with_port(&address))
        || (local && ["localhost", "127.0.0.1", "[::1]"].into_iter().any(with_port))
        || shared.config.hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// A change has to come from the page itself.
fn is_from_the_page(headers: &HeaderMap, host: &str) -> Result<(), &'static str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(ORIGIN).and_then(|origin| {
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .map(str::to_ascii_lowercase)
    });
    if origin.as_deref() != Some(host) || headers.get_all(ORIGIN).iter().count() != 1 {
        return Err("a change has to come from the page itself: its Origin is another, or there is none");
    }
    if text(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin") {
        return Err("a change has to come from the page itself: Sec-Fetch-Site says that it does not");
    }
    let json = text(CONTENT_TYPE).is_some_and(|kind| kind.split(';').next() == Some("application/json"));
    if json { Ok(()) } else { Err("a change has to be application/json") }
}

/// Another origin cannot read an answer. It is refused where the browser names it, so that it
/// cannot even cause one. A link to the page may be followed.
fn is_no_foreign_read(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let foreign = matches!(text(SEC_FETCH_SITE), Some("cross-site" | "same-site"));
    let navigates = text(SEC_FETCH_MODE) == Some("navigate") && text(SEC_FETCH_DEST) == Some("document");
    if foreign && !navigates {
        Err("this is for the page itself, not for pages of other sites")
    } else {
        Ok(())
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Finds the pass of a request, whatever it asks for. Its connection then needs no stranger's
/// place, and a stream, which goes on after the answer has begun, knows when the pass ends.
pub(super) async fn room(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(place): ConnectInfo<Place>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(pass) = sessions::pass(&shared, request.headers()) {
        place.is_known();
        request.extensions_mut().insert(pass);
    }
    next.run(request).await
}

pub(super) async fn signed_in(request: Request, next: Next) -> Response {
    if request.extensions().get::<Pass>().is_some() {
        return next.run(request).await;
    }
    let detail = "sign in with the token first, or send it as `Authorization: Bearer …`";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    response.headers_mut().insert("www-authenticate", HeaderValue::from_static("Bearer"));
    response
}

pub(super) async fn licensed(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if shared.license.is_open() {
        return next.run(request).await;
    }
    let detail = "the views of Studio need a license with the feature `studio`; /studio/v1/about says what is missing, \
                  and the API under /api/v1 goes on without one";
    Problem::new(StatusCode::PAYMENT_REQUIRED, detail).into_response()
}
