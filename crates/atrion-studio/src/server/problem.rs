// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Errors as `application/problem+json`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::answer::respond;
use crate::bucket::TooFast;

/// Why a request got no answer of its own.
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

    /// The request can be read, and asks for something impossible.
    pub(super) fn unfit(detail: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }
}

/// A request's body as JSON.
pub(super) fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::unfit(error.to_string()))
}

impl From<TooFast> for Problem {
    fn from(_: TooFast) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too many at once: wait a second")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let document = json!({ "title": title, "status": self.status.as_u16(), "detail": self.detail });
        respond(self.status, "application/problem+json", document.to_string())
    }
}
