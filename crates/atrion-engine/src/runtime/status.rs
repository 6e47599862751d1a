// SPDX-License-Identifier: Apache-2.0
//! What the driver and its instance say to each other.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Health, ProviderError, StateManager};

/// How the driver is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Write everything out first.
    Orderly,
    /// Nothing is left that could wait.
    AtOnce,
}

/// What the driver says of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// The warm start is over, well or badly.
    pub(crate) started: bool,
    /// What failed last, as long as something does.
    pub(crate) failure: Option<Arc<ProviderError>>,
    /// Since when the store has lacked what is being pushed.
    pub(crate) pushing: Option<Mono>,
    pub(crate) stopped: bool,
}

impl Status {
    /// For how long the store has lacked anything, what is being pushed included.
    pub(crate) fn lag(&self, manager: &StateManager, now: Mono) -> Duration {
        let pushing = self.pushing.map_or(Duration::ZERO, |since| now.since(since));
        pushing.max(manager.lag(now))
    }

    pub(crate) fn health(&self) -> Health {
        let degraded = |reason: String| Health::Degraded { reason: reason.into() };
        match &self.failure {
            Some(error) => degraded(error.reason()),
            None if self.started => Health::Up,
            None => degraded("connecting".into()),
        }
    }
}
