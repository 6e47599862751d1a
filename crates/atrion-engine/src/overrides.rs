// SPDX-License-Identifier: Apache-2.0
//! What operators do by hand, with a reason and an end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{OverrideKind, RouteId};

/// A manual intervention. It always says why, and it always ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Override {
    /// What to do.
    pub kind: OverrideKind,
    /// Why, for whoever finds it later: 1..=500 characters.
    pub reason: String,
    /// For how long: 1 s..=7 days. A reset happens at once and needs none; it is not looked at there.
    pub time_to_live: Duration,
}

/// Why an [`Override`] was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// The reason is empty or too long.
    #[error("an override needs a reason of 1..=500 characters, got {characters}: say why it is set")]
    Reason {
        /// How long it is.
        characters: usize,
    },
    /// The time to live is out of range.
    #[error("an override lives 1s..=7d, got {given:?}: set one that somebody will still remember")]
    TimeToLive {
        /// What was given.
        given: Duration,
    },
}

const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl Override {
    pub(crate) fn check(&self) -> Result<(), OverrideError> {
        let characters = self.reason.trim().chars().count();
        if !(1..=500).contains(&characters) {
            return Err(OverrideError::Reason { characters });
        }
        let lasts = !matches!(self.kind, OverrideKind::Reset);
        if lasts && !(Duration::from_secs(1)..=LONGEST).contains(&self.time_to_live) {
            return Err(OverrideError::TimeToLive { given: self.time_to_live });
        }
        Ok(())
    }
}

/// A name as it is told: short, because whoever gives it may have it from anywhere. `None` if there is nothing in it.
pub(crate) fn name(who: &str) -> Option<Arc<str>> {
    let name: String = who.trim().chars().take(LONGEST_NAME).collect();
    (!name.is_empty()).then(|| name.into())
}

const LONGEST_NAME: usize = 100;

impl Active {
    /// As an operator sees it at `now`: with the time that is left.
    pub(crate) fn at(&self, now: Mono) -> Override {
        let Self { kind, reason, until } = self;
        Override { kind: *kind, reason: reason.to_string(), time_to_live: until.since(now) }
    }
}

/// The overrides in force.
#[derive(Debug, Default)]
pub(crate) struct Overrides(HashMap<RouteId, Active>);

#[derive(Debug, Clone)]
pub(crate) struct Active {
    pub(crate) kind: OverrideKind,
    pub(crate) reason: Arc<str>,
    pub(crate) until: Mono,
}

impl Overrides {
    pub(crate) fn set(&mut self, route: RouteId, active: Active) {
        self.0.insert(route, active);
    }

    pub(crate) fn lift(&mut self, route: &RouteId) -> Option<Active> {
        self.0.remove(route)
    }

    pub(crate) fn get(&self, route: &RouteId) -> Option<&Active> {
        self.0.get(route)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RouteId, &Active)> {
        self.0.iter()
    }

    /// Takes out what has ended.
    pub(crate) fn expire(&mut self, now: Mono) -> Vec<(RouteId, OverrideKind)> {
        let ended: Vec<_> = self
            .0
            .iter()
            .filter(|(_, active)| now >= active.until)
            .map(|(id, active)| (id.clone(), active.kind))
            .collect();
        for (id, _) in &ended {
            self.0.remove(id);
        }
        ended
    }
}
