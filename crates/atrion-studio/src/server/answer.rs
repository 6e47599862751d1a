// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Answers that no cache keeps.

use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

pub(super) fn json_of(value: &Value) -> Response {
    respond(StatusCode::OK, "application/json", value.to_string())
}

/// Lines of JSON, to be saved under a name.
pub(super) fn lines_of(lines: String, name: &'static str) -> Response {
    let mut response = respond(StatusCode::OK, "application/x-ndjson", lines);
    // A name from the code is fit for a header.
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

pub(super) fn respond(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
