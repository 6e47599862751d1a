// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The page and its parts. They hold no data, so they need no session.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;
use crate::assets::{ALL, INDEX};

pub(super) async fn index() -> Response {
    file("text/html; charset=utf-8", INDEX)
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match ALL.iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(name.as_str())) {
        Some(asset) => file(asset.media_type, asset.content),
        None => Problem::not_found("the page has no such part").into_response(),
    }
}

fn file(kind: &'static str, content: &'static str) -> Response {
    // Fetched anew each time: they come from this machine, and a new version must not meet parts of
    // an old one.
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (StatusCode::OK, headers, content).into_response()
}
