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
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms};

use crate::sync::lock;
use crate::{PhysicsVector, RouteId, Weight};

mod dirty;
use dirty::Dirty;

mod entry;
use entry::Entry;

/// Own vectors, and the set of those that the store has not seen: the write-behind buffer of the
/// engine before every store, and of adapters that write at a pace of their own.
#[derive(Debug)]
pub struct StateManager {
    own: papaya::HashMap<RouteId, Entry>,
    dirty: Mutex<Dirty>,
    capacity: usize,
    evicted: AtomicU64,
}

/// Vectors taken for one push. Drop it when they arrived (or were refused for good); hand it to
/// [`StateManager::mark_failed`] when they did not.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "a batch that is neither pushed nor marked as failed is lost to the store until its routes change"]
pub struct Batch {
    vectors: Vec<(RouteId, PhysicsVector)>,
    /// Of each, since when the store has lacked it.
    since: Vec<Mono>,
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
    /// An empty cache without a bound, for a caller that bounds its routes itself.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(usize::MAX)
    }

    /// An empty cache of `capacity` routes; 0 counts as 1. A full one makes room for a new route by
    /// forgetting a sixteenth at once: neutral vectors first, then those that were recorded longest
    /// ago. What is forgotten is counted in [`evicted`](Self::evicted).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            own: papaya::HashMap::new(),
            dirty: Mutex::default(),
            capacity: capacity.max(1),
            evicted: AtomicU64::new(0),
        }
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
        self.take_in(route, vector, now, |known| known.is_outdated_by(&vector, now));
    }

    /// As [`record`](Self::record), whether a reader would miss something or not: for a provider,
    /// of which every accepted update can be read back at once.
    pub fn put(&self, route: &RouteId, vector: PhysicsVector, now: Mono) {
        self.take_in(route, vector, now, |_| true);
    }

    fn take_in(&self, route: &RouteId, vector: PhysicsVector, now: Mono, is_news: impl Fn(&Entry) -> bool) {
        let mut dirty = lock(&self.dirty);
        let own = self.own.pin();
        let entry = match own.get(route) {
            Some(known) if !is_news(known) => return,
            Some(known) => {
                let place = known.place.unwrap_or_else(|| dirty.push(route.clone(), now));
                known.replaced(vector, now, place)
            }
            None => {
                self.make_room(&mut dirty);
                Entry::unseen(vector, now, dirty.push(route.clone(), now))
            }
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
        if self.own.len() >= self.capacity {
            return None;
        }
        self.own.pin().try_insert(route.clone(), Entry::seen(vector, now)).ok()?;
        Some(Restored { scar: vector.aged_scar(), mode: vector.mode, age: vector.age, vector })
    }

    /// Takes up to `limit` dirty vectors for a push, aged to `now`, those that wait longest first.
    pub fn take_dirty(&self, limit: usize, now: Mono) -> Batch {
        let mut dirty = lock(&self.dirty);
        let own = self.own.pin();
        let mut batch = Batch::default();
        while batch.len() < limit {
            let Some((route, since)) = dirty.pop() else { break };
            if let Some(entry) = own.get(&route) {
                batch.vectors.push((route.clone(), entry.aged(now)));
                batch.since.push(since);
                own.insert(route, entry.taken());
            }
        }
        batch
    }

    /// Puts the routes of a push that failed back into the dirty set. Values are read at the next
    /// push, so what changed meanwhile is not overwritten; routes removed meanwhile stay removed.
    pub fn mark_failed(&self, batch: Batch) {
        let mut dirty = lock(&self.dirty);
        let own = self.own.pin();
        for ((route, _), since) in batch.vectors.into_iter().zip(batch.since) {
            if let Some(entry) = own.get(&route).filter(|entry| entry.place.is_none()) {
                own.insert(route.clone(), entry.queued(dirty.push(route, since)));
            }
        }
    }

    /// Makes every route dirty that was recorded in this life: the store may have lost what it had.
    /// Vectors of an earlier life were durable, or would have been lost with it.
    pub fn mark_lost(&self, now: Mono) {
        let mut dirty = lock(&self.dirty);
        let own = self.own.pin();
        let doubtful: Vec<_> =
            own.iter().filter(|(_, entry)| entry.is_in_doubt()).map(|(route, _)| route.clone()).collect();
        for route in doubtful {
            if let Some(entry) = own.get(&route) {
                own.insert(route.clone(), entry.queued(dirty.push(route, now)));
            }
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

    /// For how long the store has lacked anything; zero if it has everything.
    #[must_use]
    pub fn lag(&self, now: Mono) -> Duration {
        lock(&self.dirty).since().map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Every own vector, aged to `now`, in no order. Takes no lock.
    #[must_use]
    pub fn all(&self, now: Mono) -> Vec<(RouteId, PhysicsVector)> {
        self.own.pin().iter().map(|(route, entry)| (route.clone(), entry.aged(now))).collect()
    }

    /// How many routes were forgotten to make room for others.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
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

    /// A sixteenth at once, because it looks at every route.
    fn make_room(&self, dirty: &mut Dirty) {
        if self.own.len() < self.capacity {
            return;
        }
        let own = self.own.pin();
        let mut ranked: Vec<_> = own.iter().map(|(route, entry)| (entry.worth(), route.clone())).collect();
        let goes = (self.capacity / 16).clamp(1, ranked.len());
        ranked.select_nth_unstable(goes - 1);
        for (_, route) in ranked.into_iter().take(goes) {
            if let Some(place) = own.remove(&route).and_then(|entry| entry.place) {
                dirty.remove(place);
            }
            // Relaxed: gauges read it, no decision does.
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Default for StateManager {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// The vectors, as [`StateProvider::update_batch`](crate::StateProvider::update_batch) takes
    /// them.
    #[must_use]
    pub fn vectors(&self) -> &[(RouteId, PhysicsVector)] {
        &self.vectors
    }

    /// Since when the store has lacked the first of them.
    #[must_use]
    pub fn since(&self) -> Option<Mono> {
        self.since.iter().min().copied()
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
