// SPDX-License-Identifier: Apache-2.0
//! What the fleet's scars do to one route's gate, and since when.

use std::time::Duration;

use atrion_core::{Mono, Ohms};
use atrion_state::{Event, PhysicsVector, RouteId};

use super::Site;
use crate::fleet::{Heard, Listener};

/// As of the last tick or visit.
#[derive(Debug, Default)]
pub(super) struct Hearsay {
    /// `S_merged`, in place of the own scar in the gate.
    merged: Option<Ohms>,
    /// Somebody has spoken, and may have more to say.
    on: bool,
    /// Since when the fleet moves the gate by what people can see.
    since: Option<Mono>,
}

/// The fleet's scars have begun or ceased to move a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moved {
    Started { own: Ohms, cluster: f64 },
    Stopped { lasted: Duration },
}

/// The fleet's share is worth an event from so many ohms on, and until it is less than half of them.
const VISIBLE_OHMS: f64 = 1.0;

impl Hearsay {
    pub(super) fn attend(&mut self) {
        self.on = true;
    }

    /// What was heard no longer fits the own scar: to be listened to again.
    pub(super) fn mute(&mut self) {
        self.merged = None;
        self.on = true;
    }

    pub(super) fn merged(&self) -> Option<Ohms> {
        self.merged
    }

    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    pub(super) fn listen(
        &mut self,
        site: &Site<'_>,
        own: Ohms,
        listener: impl FnOnce() -> Listener,
        now: Mono,
    ) -> Option<Moved> {
        let is_hurt = own.get() >= PhysicsVector::NEUTRAL_OHMS;
        let Heard { merged, is_scarred } = match site.ear {
            Some(ear) if self.on || is_hurt => ear.hear(site.route, &listener(), site.manager),
            _ => Heard::default(),
        };
        // Where nobody has a scar, they have none together: what is left of one is not to stay in the gate.
        self.merged = merged.filter(|_| is_hurt || is_scarred);
        self.on = is_scarred;
        self.changed(own, now)
    }

    fn changed(&mut self, own: Ohms, now: Mono) -> Option<Moved> {
        let cluster = self.merged.map_or(0.0, |merged| merged.get() - own.get());
        match self.since {
            None if cluster.abs() >= VISIBLE_OHMS => {
                self.since = Some(now);
                Some(Moved::Started { own, cluster })
            }
            Some(since) if cluster.abs() < VISIBLE_OHMS / 2.0 => {
                self.since = None;
                Some(Moved::Stopped { lasted: now.since(since) })
            }
            _ => None,
        }
    }
}

impl Moved {
    pub(crate) fn event(self, route: RouteId) -> Event {
        match self {
            Self::Started { own, cluster } => Event::ClusterShareStarted { route, own, cluster },
            Self::Stopped { lasted } => Event::ClusterShareStopped { route, lasted },
        }
    }
}
