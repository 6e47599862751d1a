// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Overrides and revoked leases, if changes by hand are switched on.

use std::sync::Arc;

use atrion_engine::LeaseId;
use atrion_state::{Clock as _, SystemClock};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};

use super::problem::{Problem, parsed};
use crate::leases::Revocation;
use crate::overrides::{Undo, Wish, checked_author, checked_reason, signed};
use crate::sampler;
use crate::shared::Shared;
use crate::source::Operator;

/// `POST /studio/v1/overrides`: sets an override.
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let operator = operator(&shared)?;
    let wish: Wish = parsed(&body)?;
    let author = checked_author(&wish.author).map_err(Problem::unfit)?;
    checked_reason(&wish.reason).map_err(Problem::unfit)?;
    operator.set(&wish.route, wish.to_override(author)).map_err(Problem::unfit)?;
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    shared.authors.note(&wish.route, author, agent, SystemClock.wall().as_millis());
    let (route, kind, reason) = (&wish.route, wish.kind, &wish.reason);
    tracing::warn!(target: "atrion::studio", route, ?kind, reason, author, "override set in studio");
    sampler::look_around(&shared);
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /studio/v1/overrides/lift`: lifts an override.
pub(super) async fn lift(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<StatusCode, Problem> {
    let operator = operator(&shared)?;
    let undo: Undo = parsed(&body)?;
    let author = checked_author(&undo.author).map_err(Problem::unfit)?;
    if !operator.lift(&undo.route, author) {
        return Err(Problem::not_found("there is no override on that route any more"));
    }
    tracing::warn!(target: "atrion::studio", route = undo.route, author, "override lifted in studio");
    sampler::look_around(&shared);
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /studio/v1/leases/revoke`: takes a lease away from its holder.
pub(super) async fn revoke(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<StatusCode, Problem> {
    let operator = operator(&shared)?;
    let Revocation { lease, reason, author } = parsed(&body)?;
    let author = checked_author(&author).map_err(Problem::unfit)?;
    checked_reason(&reason).map_err(Problem::unfit)?;
    if !operator.revoke(LeaseId::new(lease), &signed(&reason, author)).map_err(Problem::unfit)? {
        return Err(Problem::not_found("there is no such lease any more"));
    }
    tracing::warn!(target: "atrion::studio", lease, reason, author, "lease revoked in studio");
    sampler::look_around(&shared);
    Ok(StatusCode::NO_CONTENT)
}

fn operator(shared: &Shared) -> Result<&dyn Operator, Problem> {
    shared.sessions.may_change()?;
    let off = "nothing can be changed here: start Studio with `.overrides(true)` if it should";
    let operator = shared.source.operator().filter(|_| shared.config.overrides);
    operator.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, off))
}
