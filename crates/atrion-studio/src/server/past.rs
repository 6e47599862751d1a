// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What was before this process, and on other nodes: from the history, if Studio has one.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::answer::{json_of, lines_of};
use super::problem::Problem;
use crate::past::NoAnswer;
use crate::shared::Shared;

#[derive(Deserialize)]
pub(super) struct PastQuery {
    /// From this long ago until now.
    seconds: u64,
    route: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
}

/// `GET /studio/v1/past`: one page of it.
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Query(PastQuery { seconds, route, after }): Query<PastQuery>,
) -> Result<Response, Problem> {
    let answer = shared.past.page(seconds, route.filter(|route| !route.is_empty()), after).await?;
    Ok(json_of(&answer))
}

/// `GET /studio/v1/past.ndjson`: all of it, up to a bound.
pub(super) async fn export(
    State(shared): State<Arc<Shared>>,
    Query(PastQuery { seconds, route, .. }): Query<PastQuery>,
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
