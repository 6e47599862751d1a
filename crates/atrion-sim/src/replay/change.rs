// SPDX-License-Identifier: Apache-2.0
//! Where two configurations differ.

use atrion_engine::RouteConfig;
use serde::Serialize;
use serde_json::Value;

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Changed {
    /// Its path, as in `physics.adaptive.gain`.
    pub setting: String,
    /// As recorded.
    pub from: Value,
    /// In the candidate.
    pub to: Value,
}

pub(crate) fn between(recorded: &RouteConfig, candidate: &RouteConfig) -> Vec<Changed> {
    let mut changes = Vec::new();
    // Plain data with text as keys: it cannot fail.
    let value = |config| serde_json::to_value(config).unwrap_or_default();
    compare(&value(recorded), &value(candidate), "", &mut changes);
    changes
}

fn compare(from: &Value, to: &Value, at: &str, changes: &mut Vec<Changed>) {
    match (from, to) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (name, value) in a {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                compare(value, &b[name], &path, changes);
            }
        }
        _ if from != to => {
            changes.push(Changed { setting: at.to_owned(), from: from.clone(), to: to.clone() });
        }
        _ => {}
    }
}
