// SPDX-License-Identifier: Apache-2.0
//! Which routes have series of their own. There is room for a number of them. A later route shares
//! the series of `__other__` for as long as it lives, because a count that moves from one series to
//! another would be counted twice.

use std::collections::HashMap;

use atrion_core::{Mode, Reason, Tier};
use atrion_engine::{OVERFLOW_ROUTE, RouteSnapshot};
use atrion_state::RouteId;

/// The counts of a route, in the order of the attributes' values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) admitted: [u64; Tier::ALL.len()],
    pub(crate) shed: [[u64; Tier::ALL.len()]; Reason::ALL.len()],
    /// What the gate of the route's group refused.
    pub(crate) by_group: [u64; Tier::ALL.len()],
    pub(crate) outcomes: [u64; OUTCOMES.len()],
}

pub(crate) const OUTCOMES: [&str; 5] = ["success", "late", "failure", "ignored", "cancelled"];

pub(crate) type Transitions = HashMap<(Mode, Mode), u64>;

/// Invariant: at most `room` names beside the overflow route are shown.
#[derive(Debug)]
pub(crate) struct Shown {
    room: usize,
    taken: usize,
    routes: HashMap<RouteId, Place>,
    /// The counts of all routes without a place, also of those that are gone.
    other: Totals,
    transitions: HashMap<RouteId, Transitions>,
    other_transitions: Transitions,
    readings: u64,
}

#[derive(Debug)]
struct Place {
    /// What its own series count; `None` if the route shares those of the others. Never falls: a
    /// route that is forgotten and made anew between two readings goes on where it was, because a
    /// counter that falls is a negative difference to an exporter with delta temporality.
    own: Option<Box<Totals>>,
    /// Its counts when it was last seen.
    last: Box<Totals>,
    seen: u64,
}

impl Shown {
    pub(crate) fn new(room: usize) -> Self {
        let (routes, transitions) = (HashMap::new(), HashMap::new());
        let (other, other_transitions) = (Totals::default(), Transitions::new());
        Self { room, taken: 0, routes, other, transitions, other_transitions, readings: 0 }
    }

    pub(crate) fn changed_mode(&mut self, route: &RouteId, from: Mode, to: Mode) {
        *self.transitions.entry(route.clone()).or_default().entry((from, to)).or_default() += 1;
    }

    /// Takes in the routes of a snapshot, and says which of them have a place of their own. Routes
    /// that are gone make room first.
    pub(crate) fn take(&mut self, routes: &[RouteSnapshot]) -> Vec<Option<Totals>> {
        self.readings += 1;
        let now = self.readings;
        for route in routes {
            if let Some(place) = self.routes.get_mut(&route.id) {
                place.seen = now;
            }
        }
        let taken = &mut self.taken;
        self.routes.retain(|id, place| {
            let stays = place.seen == now;
            if !stays && place.own.is_some() && id.as_str() != OVERFLOW_ROUTE {
                *taken -= 1;
            }
            stays
        });
        let shown: Vec<_> = routes.iter().map(|route| self.place(route, now)).collect();
        // Changes of a route without a place, or of one that is gone, count for the others.
        let (places, others) = (&self.routes, &mut self.other_transitions);
        self.transitions.retain(|route, changes| match places.get(route) {
            Some(Place { own: Some(_), .. }) => true,
            Some(_) => {
                changes.drain().for_each(|(change, count)| *others.entry(change).or_default() += count);
                false
            }
            None => false,
        });
        shown
    }

    fn place(&mut self, route: &RouteSnapshot, now: u64) -> Option<Totals> {
        let (room, taken) = (self.room, &mut self.taken);
        let place = self.routes.entry(route.id.clone()).or_insert_with(|| {
            let is_overflow = route.id.as_str() == OVERFLOW_ROUTE;
            let has_place = is_overflow || *taken < room;
            *taken += usize::from(has_place && !is_overflow);
            Place { own: has_place.then(Box::default), last: Box::default(), seen: now }
        });
        let totals = Totals::of(route);
        let counted = place.own.as_deref_mut().unwrap_or(&mut self.other);
        counted.add(&totals, &place.last);
        *place.last = totals;
        place.own.as_deref().copied()
    }

    pub(crate) fn other(&self) -> (Totals, Transitions) {
        (self.other, self.other_transitions.clone())
    }

    pub(crate) fn transitions(&self, route: &RouteId) -> Transitions {
        self.transitions.get(route).cloned().unwrap_or_default()
    }
}

impl Totals {
    /// What a route adds to sums over routes. A group's gate adds nothing: each of its requests is
    /// counted at the route that it was for, refused ones too.
    pub(crate) fn of(route: &RouteSnapshot) -> Self {
        if route.is_group {
            return Self::default();
        }
        let counts = &route.counts;
        Self {
            admitted: Tier::ALL.map(|tier| counts.admitted(tier)),
            shed: Reason::ALL.map(|reason| Tier::ALL.map(|tier| counts.shed(tier, reason))),
            by_group: Tier::ALL.map(|tier| counts.turned_away(tier)),
            // An outdated failure says nothing new to the breaker, but to its caller it is a
            // failure.
            outcomes: [
                counts.succeeded(),
                counts.late(),
                counts.failed() + counts.outdated(),
                counts.ignored(),
                counts.cancelled(),
            ],
        }
    }

    /// Adds the difference of `now` and `then`. A route that was forgotten and came back has
    /// counted from 0.
    fn add(&mut self, now: &Self, then: &Self) {
        let forgotten = now.all().zip(then.all()).any(|(now, then)| now < then);
        let since = if forgotten { Self::default() } else { *then };
        let shed = self.shed.iter_mut().flatten().chain(&mut self.by_group);
        let sums = self.admitted.iter_mut().chain(shed).chain(&mut self.outcomes);
        for (sum, (now, then)) in sums.zip(now.all().zip(since.all())) {
            *sum += now - then;
        }
    }

    fn all(&self) -> impl Iterator<Item = u64> {
        let shed = self.shed.iter().flatten().chain(&self.by_group);
        self.admitted.iter().chain(shed).chain(&self.outcomes).copied()
    }
}
