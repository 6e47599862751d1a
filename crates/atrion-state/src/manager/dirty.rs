// SPDX-License-Identifier: Apache-2.0
//! The dirty set: routes in the order in which they became dirty.

use std::collections::BTreeMap;

use crate::RouteId;

/// A place in the queue; later places are higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// A queue from whose middle a removed route can be taken. If removed routes left places behind, a
/// caller that adds and removes routes could grow it without bound.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    queue: BTreeMap<Place, RouteId>,
    next: u64,
}

impl Dirty {
    pub(super) fn push(&mut self, route: RouteId) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.queue.insert(place, route);
        place
    }

    pub(super) fn pop(&mut self) -> Option<RouteId> {
        self.queue.pop_first().map(|(_, route)| route)
    }

    pub(super) fn remove(&mut self, place: Place) {
        self.queue.remove(&place);
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
