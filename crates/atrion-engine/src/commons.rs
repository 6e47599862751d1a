// SPDX-License-Identifier: Apache-2.0

use std::sync::{Arc, Weak};
use std::time::Duration;

use atrion_core::{Ladder, Mono};
use atrion_state::{Clock, Event, Fanout, Observer};

use crate::refusals::Refusals;

/// What all routes of an instance share.
#[derive(Debug)]
pub(crate) struct Commons {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ladder: Ladder,
    pub(crate) refusals: Refusals,
    /// From one pulse to the next.
    pub(crate) interval: Duration,
    /// Weak: a route that is held for longer than its instance must not keep the instance's
    /// subscribers waiting.
    pub(crate) observers: Weak<Fanout>,
}

impl Commons {
    pub(crate) fn new(clock: Arc<dyn Clock>, interval: Duration, observers: &Arc<Fanout>) -> Self {
        let observers = Arc::downgrade(observers);
        Self { clock, ladder: Ladder::new(), refusals: Refusals::default(), interval, observers }
    }

    pub(crate) fn now(&self) -> Mono {
        self.clock.now()
    }

    /// Tells the observers, if there are any. Never while a lock is held that a slow method takes.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(observers) = self.observers.upgrade().filter(|observers| !observers.is_empty()) {
            observers.on_event(&event());
        }
    }
}
