// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the views read.

use std::sync::Arc;

use atrion_state::lock;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::answer::{json_of, lines_of, respond};
use super::problem::Problem;
use super::until::Until;
use crate::license_view::unix_now;
use crate::sampler;
use crate::sessions::Pass;
use crate::shared::Shared;

/// What a page needs to know first. The license is told to those who signed in.
pub(super) async fn about(State(shared): State<Arc<Shared>>, pass: Option<Extension<Pass>>) -> Response {
    let signed_in = pass.is_some();
    let license = signed_in.then(|| shared.license.as_json(unix_now()));
    json_of(&json!({
        "signedIn": signed_in,
        "needsToken": shared.sessions.need_token(),
        "api": shared.source.api().is_some(),
        "license": license,
    }))
}

/// Everything as it happens, as server-sent events, for as long as the session lasts.
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    Extension(pass): Extension<Pass>,
    headers: HeaderMap,
) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    match shared.hub.subscribe(last, || sampler::state(&shared)) {
        Ok(stream) => {
            let mut response = Response::new(Body::new(Until::new(pass.ended(), stream)));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            // For proxies that would collect a while before they pass anything on.
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            response
        }
        Err(_) => {
            let detail = "as many browsers watch as may: close one, or raise `clients`";
            let mut response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
            response
        }
    }
}

#[derive(Deserialize)]
pub(super) struct HistoryQuery {
    route: String,
}

/// The curves of one route.
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Query(HistoryQuery { route }): Query<HistoryQuery>,
) -> Result<Response, Problem> {
    let found = lock(&shared.model).history_of(&route);
    let found = found.ok_or_else(|| Problem::not_found("there is no route of that name"))?;
    Ok(respond(StatusCode::OK, "application/json", found))
}

/// All events that are kept, one JSON value per line.
pub(super) async fn export(State(shared): State<Arc<Shared>>) -> Response {
    let events = shared.source.events_after(0).map(|page| page.events).unwrap_or_default();
    let mut lines = String::new();
    for event in &events {
        // Maps with text as keys: it cannot fail.
        lines.push_str(&serde_json::to_string(event).unwrap_or_default());
        lines.push('\n');
    }
    lines_of(lines, "atrion-events.ndjson")
}
