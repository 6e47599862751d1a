// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What was before this process, and on other nodes: from the history, if Studio has one.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::Problem;
use super::problem::{json_of, lines_of};
use crate::past::NoAnswer;
use crate::studio::Shared;

#[derive(Deserialize)]
pub(super) struct Question {
    /// From so long ago until now.
    seconds: u64,
    route: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
}

/// `GET /studio/v1/past`: one page of it.
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Query(Question { seconds, route, after }): Query<Question>,
) -> Result<Response, Problem> {
    let answer = shared.past.page(seconds, route.filter(|route| !route.is_empty()), after).await?;
    Ok(json_of(&answer))
}

/// `GET /studio/v1/past.ndjson`: as much of it as is exported.
pub(super) async fn export(
    State(shared): State<Arc<Shared>>,
    Query(Question { seconds, route, .. }): Query<Question>,
) -> Result<Response, Problem> {
    let lines = shared.past.lines(seconds, route.filter(|route| !route.is_empty())).await?;
    Ok(lines_of(lines, "atrion-history.ndjson"))
}

impl From<NoAnswer> for Problem {
    fn from(why: NoAnswer) -> Self {
        let status = match why {
            NoAnswer::NoHistory => StatusCode::NOT_FOUND,
            NoAnswer::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NoAnswer::Failed { .. } => StatusCode::BAD_GATEWAY,
            NoAnswer::TooSlow { .. } => StatusCode::GATEWAY_TIMEOUT,
        };
        Self::new(status, why.to_string())
    }
}
