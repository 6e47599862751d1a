// SPDX-License-Identifier: Apache-2.0
//! Which groups a route is in: what a request needs to find the second gate without a look-up, a
//! lock or a reference count.
//!
//! A route keeps every group that it was ever admitted within, in a list that only grows, so a
//! permit names its group by a number and gives its slot back where it took it, whatever has been
//! configured since. The list is as long as the route has had groups: one, as a rule.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::RouteCell;

/// A place in the list of a route's groups. `None` is no group.
pub(crate) type Within = Option<NonZeroU32>;

/// The groups of one route.
#[derive(Debug)]
pub(crate) struct Groups {
    first: OnceLock<Box<Joined>>,
    /// What the configuration says, in the place of what a handle says.
    configured: AtomicU32,
}

#[derive(Debug)]
struct Joined {
    group: Arc<RouteCell>,
    next: OnceLock<Box<Joined>>,
}

/// The configuration says nothing of groups.
const NOT_SAID: u32 = u32::MAX;

impl Default for Groups {
    fn default() -> Self {
        Self { first: OnceLock::new(), configured: AtomicU32::new(NOT_SAID) }
    }
}

impl Groups {
    /// Where a request of a handle that says `asked` is admitted beside the route.
    #[inline(always)]
    pub(crate) fn effective(&self, asked: Within) -> Within {
        // Relaxed: what it leads to was put into the list before, and the list has an order of its
        // own.
        match self.configured.load(Relaxed) {
            NOT_SAID => asked,
            said => NonZeroU32::new(said),
        }
    }

    /// The group at that place.
    #[inline(always)]
    pub(crate) fn get(&self, place: NonZeroU32) -> Option<&Arc<RouteCell>> {
        let first = self.first.get()?;
        if place.get() == 1 { Some(&first.group) } else { first.walk(place.get() - 1) }
    }

    /// The group's place, made if it is new.
    pub(crate) fn join(&self, group: &Arc<RouteCell>) -> Within {
        let (mut at, mut place) = (&self.first, NonZeroU32::MIN);
        loop {
            let joined =
                at.get_or_init(|| Box::new(Joined { group: Arc::clone(group), next: OnceLock::new() }));
            if Arc::ptr_eq(&joined.group, group) {
                return Some(place);
            }
            (at, place) = (&joined.next, place.saturating_add(1));
        }
    }

    /// Sets what the configuration says of this route: nothing, or a group or none whatever a
    /// handle says. The overflow route, which stands for groups without a place, too, is not in
    /// itself.
    pub(crate) fn configure(&self, route: &RouteCell, said: Option<&Option<Arc<RouteCell>>>) {
        let other = |group: &&Arc<RouteCell>| !std::ptr::eq(route, &***group);
        let place =
            |group: &Option<Arc<RouteCell>>| group.as_ref().filter(other).and_then(|group| self.join(group));
        self.configured.store(said.map_or(NOT_SAID, |said| place(said).map_or(0, NonZeroU32::get)), Relaxed);
    }

    /// The group that requests of this route pass, for people: the configured one, or else the
    /// latest that a handle was made for.
    pub(crate) fn shown(&self) -> Option<&Arc<RouteCell>> {
        let mut latest = self.first.get()?;
        while let Some(next) = latest.next.get() {
            latest = next;
        }
        match self.configured.load(Relaxed) {
            NOT_SAID => Some(&latest.group),
            said => self.get(NonZeroU32::new(said)?),
        }
    }
}

impl Joined {
    #[cold]
    fn walk(&self, steps: u32) -> Option<&Arc<RouteCell>> {
        let mut joined = self;
        for _ in 0..steps {
            joined = joined.next.get()?;
        }
        Some(&joined.group)
    }
}
