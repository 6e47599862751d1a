// SPDX-License-Identifier: Apache-2.0
//! A call that waits for its client waits at its route's gate and at that of the group.

use atrion_core::Mono;

use super::{Held, RouteCell, Shared};
use crate::live::{For, Live, MOST_WAITING, Ticket, Waited};

impl RouteCell {
    pub(crate) fn wait(&self, held: &Held, waited: &Waited, what: For, now: Mono) {
        let has_room = || self.gates(held).all(|(live, _)| live.waiting() < MOST_WAITING);
        if let Some(since) = waited.begin(what, now, has_room) {
            self.gates(held).for_each(|(live, ticket)| live.has_left(&ticket, since, now));
        }
    }

    pub(crate) fn go_on(&self, held: &Held, waited: &Waited, what: For, now: Mono) {
        if let Some(since) = waited.end(what, now) {
            self.gates(held).for_each(|(live, ticket)| live.is_back(&ticket, since, now));
        }
    }

    /// The call is over, and begins later by what it has waited. `None`: it was over already.
    pub(crate) fn end_wait(&self, held: Held, waited: &Waited, now: Mono) -> Option<Held> {
        let (since, nanos) = waited.close(now)?;
        if let Some(since) = since {
            self.gates(&held).for_each(|(live, ticket)| live.is_back(&ticket, since, now));
        }
        let later = |ticket: Ticket| ticket.later_by(nanos, now);
        let shared = held.shared.map(|Shared { place, ticket }| Shared { place, ticket: later(ticket) });
        Some(Held { own: later(held.own), shared })
    }

    fn gates(&self, held: &Held) -> impl Iterator<Item = (&Live, Ticket)> {
        let group =
            held.shared.and_then(|shared| Some((self.groups.get(shared.place)?.live(), shared.ticket)));
        [(&self.live, held.own)].into_iter().chain(group)
    }
}
