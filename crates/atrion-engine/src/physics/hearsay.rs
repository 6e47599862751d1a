// SPDX-License-Identifier: Apache-2.0
//! What the fleet's scars do to one route's gate, and since when.

use std::time::Duration;

use atrion_core::{Mono, Ohms};
use atrion_state::{Event, PhysicsVector, RouteId};

use crate::peers::{PeerQuery, PeerScar, Peers};

/// As of the last tick or visit.
#[derive(Debug, Default)]
pub(super) struct Hearsay {
    /// `S_merged`, in place of the own scar in the gate.
    merged: Option<Ohms>,
    /// A peer has spoken, and may have more to say.
    on: bool,
    /// Since when the fleet moves the gate by what people can see.
    since: Option<Mono>,
}

/// What one merge has come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Merge {
    pub(super) moved: Option<Moved>,
    /// The peers ought to be heard, and were not read: the gate still has the own scar.
    pub(super) is_unread: bool,
}

/// The fleet's scars have begun or ceased to move a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moved {
    Started { own: Ohms, cluster: f64 },
    Stopped { lasted: Duration },
}

/// The fleet's share is worth an event from this many ohms on, and until it is less than half of
/// them.
const VISIBLE_OHMS: f64 = 1.0;

impl Hearsay {
    pub(super) fn attend(&mut self) {
        self.on = true;
    }

    /// What was merged no longer fits the own scar: the next merge reads the peers again.
    pub(super) fn invalidate(&mut self) {
        self.merged = None;
        self.on = true;
    }

    pub(super) fn merged(&self) -> Option<Ohms> {
        self.merged
    }

    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// The peers may move the gate of a route with this scar: without one of its own, and with
    /// nothing to hear, a route costs no look at them.
    pub(super) fn wants(&self, own: Ohms) -> bool {
        self.on || is_hurt(own)
    }

    /// Puts what the peers say beside the own scar.
    pub(super) fn merge(
        &mut self,
        peers: Peers<'_>,
        own: Ohms,
        query: impl FnOnce() -> PeerQuery,
        now: Mono,
    ) -> Merge {
        let PeerScar { merged, is_scarred } = match peers {
            Peers::Unread if self.wants(own) => return Merge { moved: None, is_unread: true },
            Peers::Read(view) if self.wants(own) => view.merge(&query()),
            Peers::Absent | Peers::Unread | Peers::Read(_) => PeerScar::default(),
        };
        // Where no node has a scar, they have none together: what is left of one is not to stay in
        // the gate.
        self.merged = merged.filter(|_| is_hurt(own) || is_scarred);
        self.on = is_scarred;
        Merge { moved: self.changed(own, now), is_unread: false }
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

fn is_hurt(own: Ohms) -> bool {
    own.get() >= PhysicsVector::NEUTRAL_OHMS
}

impl Moved {
    pub(crate) fn event(self, route: RouteId) -> Event {
        match self {
            Self::Started { own, cluster } => Event::ClusterShareStarted { route, own, cluster },
            Self::Stopped { lasted } => Event::ClusterShareStopped { route, lasted },
        }
    }
}
