// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Who took a route over: the engine knows what, why and for how long, Studio knows who asked.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use atrion_engine::Override;
use atrion_state::{OverrideKind, RouteId, lock};
use atrion_tower::api::override_name;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a browser asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    pub(crate) route: String,
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    pub(crate) author: String,
    pub(crate) seconds: u64,
}

/// What a browser wants back as it was.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    pub(crate) route: String,
    pub(crate) author: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    ForceOpen,
    ForceClosed,
    Shadow,
    Reset,
}

/// Who set which override.
#[derive(Debug, Default)]
pub(crate) struct Authors(Mutex<HashMap<String, Author>>);

#[derive(Debug, Clone)]
struct Author {
    name: String,
    /// The browser, in its own words.
    agent: String,
    set_ms: u64,
}

impl Wish {
    /// As the engine takes it. The author goes with the reason, so that logs and other tools see it, too.
    pub(crate) fn to_override(&self, author: &str) -> Override {
        let kind = match self.kind {
            Kind::ForceOpen => OverrideKind::ForceOpen,
            Kind::ForceClosed => OverrideKind::ForceClosed,
            Kind::Shadow => OverrideKind::Shadow,
            Kind::Reset => OverrideKind::Reset,
        };
        let reason = self.reason.trim();
        // Without a reason there is nothing to sign: the engine then refuses it.
        let reason = if reason.is_empty() { String::new() } else { format!("{reason} [{author}]") };
        Override { kind, reason, time_to_live: Duration::from_secs(self.seconds) }
    }
}

/// A name that is fit to be shown: trimmed, 1 to 60 characters, none of them a control character or one that turns text.
pub(crate) fn checked_author(name: &str) -> Result<&str, String> {
    let name = name.trim();
    let fits = (1..=60).contains(&name.chars().count()) && !name.chars().any(|c| c.is_control() || turns(c));
    if fits { Ok(name) } else { Err("say who you are, in 1..=60 plain characters".to_owned()) }
}

/// A reason stands beside the name of its author, in logs and events too: nothing in it may turn the text around it, or
/// somebody else's name could seem to stand there.
pub(crate) fn checked_reason(reason: &str) -> Result<(), String> {
    if reason.chars().any(turns) {
        return Err("`reason` must not hold characters that turn the direction of text".to_owned());
    }
    Ok(())
}

/// Unicode's embeddings, overrides and isolates. What letters of a script do by themselves is another thing.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Authors {
    pub(crate) fn note(&self, route: &str, name: &str, agent: &str, now_ms: u64) {
        let agent = agent.chars().filter(|c| !c.is_control()).take(120).collect();
        let author = Author { name: name.to_owned(), agent, set_ms: now_ms };
        lock(&self.0).insert(route.to_owned(), author);
    }

    /// The overrides in force as browsers are told them. Those that have ended are forgotten.
    pub(crate) fn view(&self, active: &[(RouteId, Override)], now_ms: u64) -> Value {
        let mut authors = lock(&self.0);
        authors.retain(|route, _| active.iter().any(|(id, _)| id.as_str() == route));
        let one = |(id, active): &(RouteId, Override)| {
            let author = authors.get(id.as_str());
            let suffix = author.map(|author| format!(" [{}]", author.name)).unwrap_or_default();
            let reason = active.reason.strip_suffix(suffix.as_str()).unwrap_or(&active.reason);
            let left = u64::try_from(active.time_to_live.as_millis()).unwrap_or(u64::MAX);
            // To the second, so that what stands still is told as standing still.
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
