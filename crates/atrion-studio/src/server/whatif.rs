// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Recorded minutes with other settings. It changes nothing; the bound on changes holds for it as
//! well, because a run costs CPU.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::json_of;
use super::problem::{Problem, parsed};
use crate::shared::Shared;
use crate::source::Memory;
use crate::whatif::{self, Question};

/// `GET /studio/v1/whatif`: the routes whose latest minutes are kept, with the settings that were
/// in force.
pub(super) async fn kept(State(shared): State<Arc<Shared>>) -> Response {
    let Some(memory) = memory(&shared) else { return json_of(&json!({ "minutes": 0, "routes": [] })) };
    let routes: Vec<Value> = memory
        .kept()
        .into_iter()
        .map(|(route, pulses)| {
            let config = memory.config(&route);
            json!({ "route": route.as_str(), "pulses": pulses, "settings": whatif::settings(&config) })
        })
        .collect();
    json_of(&json!({ "minutes": shared.config.kept_minutes, "routes": routes }))
}

/// `POST /studio/v1/whatif`: one run at a time.
pub(super) async fn ask(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    shared.sessions.may_change()?;
    let none = "no minutes are kept here: start Studio with `kept_minutes` above 0, in the process whose routes they are";
    let memory = memory(&shared).ok_or_else(|| Problem::not_found(none))?;
    let question: Question = parsed(&body)?;
    let busy =
        || Problem::new(StatusCode::TOO_MANY_REQUESTS, "another run is going on: ask again in a moment");
    let turn = Arc::clone(&shared.replay).try_lock_owned().map_err(|_| busy())?;
    let gone = || {
        Problem::not_found("nothing is kept of that route: it had no traffic, or others were in more trouble")
    };
    let recorded = memory.recorded(&question.route).ok_or_else(gone)?;
    // The run holds its turn, even if no request waits for the answer any more.
    let run = tokio::task::spawn_blocking(move || {
        let answer = whatif::answer(recorded, &question);
        drop(turn);
        answer
    });
    let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the run ended early");
    run.await.map_err(broken)?.map(|answer| json_of(&answer)).map_err(Problem::unfit)
}

fn memory(shared: &Shared) -> Option<&dyn Memory> {
    shared.source.memory().filter(|_| shared.config.kept_minutes > 0)
}
