// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Errors as `application/problem+json`.

use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request was not answered as it wished.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let document = json!({ "title": title, "status": self.status.as_u16(), "detail": self.detail });
        respond(self.status, "application/problem+json", document.to_string())
    }
}

/// JSON that nobody keeps.
pub(super) fn json_of(value: &Value) -> Response {
    respond(StatusCode::OK, "application/json", value.to_string())
}

/// Lines of JSON to be saved under a name.
pub(super) fn lines_of(lines: String, name: &'static str) -> Response {
    let mut response = respond(StatusCode::OK, "application/x-ndjson", lines);
    // A name that stands in the code is fit for a header.
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
