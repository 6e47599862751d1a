// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! An override as a browser asks for it, and as the engine takes it.

use std::time::Duration;

use atrion_engine::Override;
use atrion_state::OverrideKind;
use serde::Deserialize;

/// A request to override a route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    pub(crate) route: String,
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    pub(crate) author: String,
    pub(crate) seconds: u64,
}

/// A request to lift an override.
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

impl Wish {
    /// The override for the engine. The author is part of the reason, so that logs and other tools
    /// see it, too.
    pub(crate) fn to_override(&self, author: &str) -> Override {
        let kind = match self.kind {
            Kind::ForceOpen => OverrideKind::ForceOpen,
            Kind::ForceClosed => OverrideKind::ForceClosed,
            Kind::Shadow => OverrideKind::Shadow,
            Kind::Reset => OverrideKind::Reset,
        };
        let reason = signed(&self.reason, author);
        Override { kind, reason, time_to_live: Duration::from_secs(self.seconds) }
    }
}

/// A reason with the name of its author. The engine refuses an empty one, so nothing is added to
/// that.
pub(crate) fn signed(reason: &str, author: &str) -> String {
    let reason = reason.trim();
    if reason.is_empty() { String::new() } else { format!("{reason} [{author}]") }
}

/// An author that is fit to be shown: trimmed, 1 to 60 characters, without control characters and
/// characters that turn the direction of text.
pub(crate) fn checked_author(name: &str) -> Result<&str, String> {
    let name = name.trim();
    let fits = (1..=60).contains(&name.chars().count()) && !name.chars().any(|c| c.is_control() || turns(c));
    if fits { Ok(name) } else { Err("say who you are, in 1..=60 plain characters".to_owned()) }
}

/// A reason stands beside the name of its author, also in logs and events. It must not turn the
/// text around it, or another name could seem to stand there.
pub(crate) fn checked_reason(reason: &str) -> Result<(), String> {
    if reason.chars().any(turns) {
        return Err("`reason` must not hold characters that turn the direction of text".to_owned());
    }
    Ok(())
}

/// Unicode's embeddings, overrides and isolates; letters of a right-to-left script are allowed.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
