// SPDX-License-Identifier: Apache-2.0
//! The cache of a node's own vectors, and what the store has not seen of them (RFC-0007, section
//! 3.2).
//!
//! Reads take no lock. Writes come from the pulse (and now and then from a caller's own telemetry)
//! and share one lock, so that a route's vector, its place in the dirty queue and its version
//! change together.
//!
//! The buffer is a *set of routes*, not a queue of values: values are read when they are pushed. A
//! store that is slow makes pushes rarer and never longer than the number of routes.

use std::sync::Mutex;
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms};

use crate::sync::lock;
use crate::{PhysicsVector, RouteId, Weight};

mod dirty;
use dirty::Dirty;

mod entry;
use entry::Entry;

/// Own vectors, and the set of those that the store has not seen.
#[derive(Debug, Default)]
pub struct StateManager {
    own: papaya::HashMap<RouteId, Entry>,
    dirty: Mutex<Dirty>,
}

/// Vectors taken for one push. Drop it when they arrived (or were refused for good); hand it to
/// [`StateManager::mark_failed`] when they did not.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "a batch that is neither pushed nor marked as failed is lost to the store until its routes change"]
pub struct Batch {
    vectors: Vec<(RouteId, PhysicsVector)>,
}

/// What a route starts with after a restart.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Restored {
    /// What is left of the scar.
    pub scar: Ohms,
    /// What the route was doing when the vector was taken.
    pub mode: Mode,
    /// How long ago that was.
    pub age: Duration,
    /// The vector itself, at that age.
    pub vector: PhysicsVector,
}

impl StateManager {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This node's vector of a route, aged to `now`. Takes no lock.
    #[must_use]
    pub fn get(&self, route: &RouteId, now: Mono) -> Option<PhysicsVector> {
        self.own.pin().get(route).map(|entry| entry.aged(now))
    }

    /// The evidence of this node that was last taken for a push. Takes no lock.
    #[must_use]
    pub fn sent_weight(&self, route: &RouteId) -> Option<Weight> {
        self.own.pin().get(route).and_then(Entry::sent_weight)
    }

    /// Takes this node's vector of a route as of `now`, and makes the route dirty, if a reader of
    /// the cache or the store would miss something without it ([`Told::news`](crate::Told::news)):
    /// an idle route whose scar fades as every reader foresees costs no push.
    ///
    /// A call costs a few hundred nanoseconds. A route that had no traffic need not be recorded in
    /// every pulse: what is cached ages by itself.
    pub fn record(&self, route: &RouteId, vector: PhysicsVector, now: Mono) {
        let mut dirty = lock(&self.dirty);
        let own = self.own.pin();
        let entry = match own.get(route) {
            Some(known) if !known.is_outdated_by(&vector, now) => return,
            Some(known) => {
                let place = known.place.unwrap_or_else(|| dirty.push(route.clone()));
                known.replaced(vector, now, place)
            }
            None => Entry::unseen(vector, now, dirty.push(route.clone())),
        };
        own.insert(route.clone(), entry);
    }

    /// Takes the vector a provider gave for a route at `now`. What was recorded here meanwhile is
    /// newer and stays: the result is then `None`, as for a cold start.
    ///
    /// Only a node's *own* vector may come in here; another's would be published again as its own
    /// evidence.
    pub fn restore(&self, route: &RouteId, found: Option<PhysicsVector>, now: Mono) -> Option<Restored> {
        let vector = found?;
        let _writer = lock(&self.dirty);
        self.own.pin().try_insert(route.clone(), Entry::seen(vector, now)).ok()?;
        Some(Restored { scar: vector.aged_scar(), mode: vector.mode, age: vector.age, vector })
    }

    /// Takes up to `limit` dirty vectors for a push, aged to `now`, those that wait longest first.
    pub fn take_dirty(&self, limit: usize, now: Mono) -> Batch {
        let mut dirty = lock(&self.dirty);
        let own = self.own.pin();
        let mut vectors = Vec::with_capacity(limit.min(dirty.len()));
        while vectors.len() < limit {
            let Some(route) = dirty.pop() else { break };
            if let Some(entry) = own.get(&route) {
                vectors.push((route.clone(), entry.aged(now)));
                own.insert(route, entry.taken());
            }
        }
        Batch { vectors }
    }

    /// Puts the routes of a push that failed back into the dirty set. Values are read at the next
    /// push, so what changed meanwhile is not overwritten; routes removed meanwhile stay removed.
    pub fn mark_failed(&self, batch: Batch) {
        let mut dirty = lock(&self.dirty);
        for (route, _) in batch.vectors {
            self.requeue(route, &mut dirty);
        }
    }

    /// Makes every route dirty: after a store was lost, or before the last push of a life.
    pub fn mark_all(&self) {
        let mut dirty = lock(&self.dirty);
        let routes: Vec<_> = self.own.pin().keys().cloned().collect();
        for route in routes {
            self.requeue(route, &mut dirty);
        }
    }

    /// Forgets a route; says whether it was known. What the store has of it is not deleted.
    pub fn remove(&self, route: &RouteId) -> bool {
        let mut dirty = lock(&self.dirty);
        let own = self.own.pin();
        let Some(entry) = own.remove(route) else { return false };
        if let Some(place) = entry.place {
            dirty.remove(place);
        }
        true
    }

    /// How many routes wait to be pushed.
    #[must_use]
    pub fn dirty(&self) -> usize {
        lock(&self.dirty).len()
    }

    /// How many own vectors are cached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.own.len()
    }

    /// Whether no own vector is cached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    fn requeue(&self, route: RouteId, dirty: &mut Dirty) {
        let own = self.own.pin();
        if let Some(entry) = own.get(&route).filter(|entry| entry.place.is_none()) {
            own.insert(route.clone(), entry.queued(dirty.push(route)));
        }
    }
}

impl Batch {
    /// The vectors, as [`StateProvider::update_batch`](crate::StateProvider::update_batch) takes
    /// them.
    #[must_use]
    pub fn vectors(&self) -> &[(RouteId, PhysicsVector)] {
        &self.vectors
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Whether there is nothing to push.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }
}
