// SPDX-License-Identifier: Apache-2.0
//! A stream holds its place at its route's gate and at that of the group.

use std::sync::atomic::Ordering::Relaxed;

use atrion_core::{Cost, Mono};

use super::{Held, RouteCell};
use crate::live::MOST_STREAMS;
use crate::slot;

/// What an open stream holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streaming {
    held: Held,
    /// It is no load, but admitted.
    is_apart: bool,
}

impl Streaming {
    pub(crate) fn cost(&self) -> Cost {
        self.held.cost()
    }
}

impl RouteCell {
    /// The call is about to be finished, and its answer goes on.
    pub(crate) fn open_stream(&self, held: Held) -> Streaming {
        let (slot, is_apart) =
            (slot::current(), self.gates(&held).all(|(live, _)| live.streams() < MOST_STREAMS));
        self.gates(&held).for_each(|(live, ticket)| live.open_stream(slot, ticket, is_apart));
        Streaming { held, is_apart }
    }

    /// The stream costs so much from now on.
    pub(crate) fn weigh_stream(&self, stream: &mut Streaming, cost: Cost) {
        let (slot, is_apart) = (slot::current(), stream.is_apart);
        let more = i64::from(cost.get()) - i64::from(stream.cost().get());
        self.gates(&stream.held).for_each(|(live, _)| live.weigh_stream(slot, more, is_apart));
        stream.held.units = cost.get().into();
        self.hand_on_at_all(stream.held.shared, self.now());
    }

    pub(crate) fn close_stream(&self, Streaming { held, is_apart }: Streaming, has_failed: bool, now: Mono) {
        let slot = slot::current();
        self.gates(&held).for_each(|(live, ticket)| live.close_stream(slot, ticket, is_apart));
        if has_failed {
            // What fails by itself says nothing of what is shared.
            let is_own = self.is_own.load(Relaxed);
            let hears = self.gates(&held).take(if is_own { 1 } else { 2 });
            hears.for_each(|(live, ticket)| live.break_stream(slot, ticket, now));
        }
        self.hand_on_at_all(held.shared, now);
    }
}
