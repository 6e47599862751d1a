// SPDX-License-Identifier: Apache-2.0
//! A call that waits for its client waits at its route's gate and at that of the group.

use atrion_core::Mono;

use super::{Held, RouteCell, Shared};
use crate::live::{Closed, For, Live, Ticket, Waited, later_by};

impl RouteCell {
    pub(crate) fn wait(&self, held: &Held, waited: &Waited, what: For, now: Mono) {
        let has_room = || self.gates(held).all(|(live, _)| !live.is_full_of_waiting());
        if let Some(since) = waited.begin(what, now, has_room) {
            self.gates(held).for_each(|(live, ticket)| live.has_left(ticket, since, now));
        }
    }

    pub(crate) fn go_on(&self, held: &Held, waited: &Waited, what: For, now: Mono) {
        if let Some(since) = waited.end(what, now) {
            self.gates(held).for_each(|(live, ticket)| live.is_back(ticket, since, now));
        }
    }

    /// The call is over, and begins later by what it has waited.
    #[inline]
    pub(crate) fn end_wait(&self, held: Held, Closed { since, nanos }: Closed, now: Mono) -> Held {
        if let Some(since) = since {
            self.gates(&held).for_each(|(live, ticket)| live.is_back(ticket, since, now));
        }
        // Most have never waited.
        if nanos == 0 { held } else { Held { start: later_by(held.start, nanos, now), ..held } }
    }

    pub(super) fn gates(&self, held: &Held) -> impl Iterator<Item = (&Live, Ticket)> {
        let group = held
            .shared
            .and_then(|Shared { place, mark }| Some((self.groups.get(place)?.live(), held.ticket(mark))));
        [(&self.live, held.ticket(held.own))].into_iter().chain(group)
    }
}
