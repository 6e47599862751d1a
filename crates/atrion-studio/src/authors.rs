// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The authors of overrides. The engine knows an override's kind, reason and end; Studio knows who
//! asked for it, and with which browser.

use std::collections::HashMap;
use std::sync::Mutex;

use atrion_engine::Override;
use atrion_state::{RouteId, lock};
use atrion_tower::api::override_name;
use serde_json::{Value, json};

/// Authors by route.
#[derive(Debug, Default)]
pub(crate) struct Authors(Mutex<HashMap<String, Author>>);

#[derive(Debug, Clone)]
struct Author {
    name: String,
    /// The browser's `User-Agent`.
    agent: String,
    /// Milliseconds since the Unix epoch.
    set_ms: u64,
}

impl Authors {
    pub(crate) fn note(&self, route: &str, name: &str, agent: &str, now_ms: u64) {
        let agent = agent.chars().filter(|c| !c.is_control()).take(120).collect();
        let author = Author { name: name.to_owned(), agent, set_ms: now_ms };
        lock(&self.0).insert(route.to_owned(), author);
    }

    /// The overrides in force, for the page. Authors of overrides that have ended are forgotten.
    pub(crate) fn told(&self, active: &[(RouteId, Override)], now_ms: u64) -> Value {
        let mut authors = lock(&self.0);
        authors.retain(|route, _| active.iter().any(|(id, _)| id.as_str() == route));
        let one = |(id, active): &(RouteId, Override)| {
            let author = authors.get(id.as_str());
            let suffix = author.map(|author| format!(" [{}]", author.name)).unwrap_or_default();
            let reason = active.reason.strip_suffix(suffix.as_str()).unwrap_or(&active.reason);
            let left = u64::try_from(active.time_to_live.as_millis()).unwrap_or(u64::MAX);
            // To the second, so that an override that stands still gives the same JSON each time.
            let ends_ms = now_ms.saturating_add(left).saturating_add(500) / 1_000 * 1_000;
            json!({
                "route": id.as_str(), "kind": override_name(active.kind), "reason": reason, "endsMs": ends_ms,
                "author": author.map(|author| &author.name), "agent": author.map(|author| &author.agent),
                "setMs": author.map(|author| author.set_ms),
            })
        };
        active.iter().map(one).collect()
    }
}
