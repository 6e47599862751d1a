// SPDX-License-Identifier: Apache-2.0

use std::sync::{Arc, Weak};
use std::time::Duration;

use atrion_core::{Ladder, Mono};
use atrion_state::{Clock, Event, Fanout, LeaseEnd, LeaseRecord, Observer};

use crate::heartbeat::Heartbeat;
use crate::lease::{self, Leases};
use crate::queue::Queues;
use crate::refusals::Refusals;
use crate::signal::Board;

/// What all routes of an instance share.
#[derive(Debug)]
pub(crate) struct Commons {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ladder: Ladder,
    pub(crate) refusals: Refusals,
    pub(crate) leases: Leases,
    pub(crate) queues: Queues,
    pub(crate) signals: Board,
    /// From one pulse to the next.
    pub(crate) interval: Duration,
    pub(crate) heartbeat: Arc<Heartbeat>,
    /// Weak: a route that is held for longer than its instance must not keep the instance's
    /// subscribers waiting.
    pub(crate) observers: Weak<Fanout>,
}

impl Commons {
    pub(crate) fn new(clock: Arc<dyn Clock>, interval: Duration, observers: &Arc<Fanout>) -> Self {
        let (heartbeat, observers) =
            (Arc::new(Heartbeat::new(interval, clock.now())), Arc::downgrade(observers));
        Self {
            clock,
            ladder: Ladder::new(),
            refusals: Refusals::default(),
            leases: Leases::default(),
            queues: Queues::default(),
            signals: Board::default(),
            interval,
            heartbeat,
            observers,
        }
    }

    pub(crate) fn now(&self) -> Mono {
        self.clock.now()
    }

    /// Tells, once until the next pulse, that none comes.
    pub(crate) fn tell_of_stall(&self) {
        if self.heartbeat.may_tell() {
            let lasted = self.heartbeat.age(self.now());
            self.tell(|| Event::PulseStalled { lasted });
        }
    }

    /// Takes over what an earlier life of this node has kept, and tells what it has taken along.
    pub(crate) fn take_over_leases(&self, found: Vec<LeaseRecord>) {
        for LeaseRecord { route, lease, owner, since, beat, .. } in
            self.leases.take_over(found, self.clock.wall())
        {
            let lasted = lease::since(beat, since);
            self.tell(|| Event::LeaseEnded { route, lease, owner, end: LeaseEnd::Lost, lasted });
        }
    }

    /// Tells the observers, if there are any. Never while a lock is held that a slow method takes.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(observers) = self.observers.upgrade().filter(|observers| !observers.is_empty()) {
            observers.on_event(&event());
        }
    }
}
