// SPDX-License-Identifier: Apache-2.0
//! The dirty set: routes in the order in which they became dirty.

use std::collections::BTreeMap;

use atrion_core::Mono;

use crate::RouteId;

/// A place in the queue; later places are higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// A queue from whose middle a removed route can be taken. If removed routes left places behind, a
/// caller that adds and removes routes could grow it without bound.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    /// Each route, and since when the store has lacked something of it.
    queue: BTreeMap<Place, (RouteId, Mono)>,
    next: u64,
}

impl Dirty {
    pub(super) fn push(&mut self, route: RouteId, since: Mono) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.queue.insert(place, (route, since));
        place
    }

    pub(super) fn pop(&mut self) -> Option<(RouteId, Mono)> {
        self.queue.pop_first().map(|(_, dirty)| dirty)
    }

    pub(super) fn remove(&mut self, place: Place) {
        self.queue.remove(&place);
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Since when the store has lacked anything. A look at every place: what failed is queued anew
    /// and older than what stands before it.
    pub(super) fn since(&self) -> Option<Mono> {
        self.queue.values().map(|(_, since)| *since).min()
    }
}
