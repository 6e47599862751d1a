// SPDX-License-Identifier: Apache-2.0
//! The bounded map under the in-memory provider: one lock, two orders of eviction.
//!
//! Routes stand in one of two queues, both ordered by last use: `neutral`, whose loss loses
//! nothing, and `scarred`. The victim is the head of the first queue that has one. A scar fades by
//! itself, so once in a while the scarred queue is swept for what became neutral; at most once a
//! second, because scars need time to fade and the sweep looks at every route.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;
use std::time::Duration;

use atrion_core::Mono;

use super::MemorySnapshot;
use crate::sync::lock;
use crate::{Change, Clock, Feed, LeaseRecord, NodeId, PhysicsVector, Register, RouteId};

/// Sizes and counts of an in-memory store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Routes held.
    pub routes: usize,
    /// The most it may hold.
    pub capacity: usize,
    /// Evicted routes that were neutral.
    pub evicted_neutral: u64,
    /// Evicted routes that still had a scar: knowledge was lost, the capacity is too small.
    pub evicted_scarred: u64,
}

#[derive(Debug)]
pub(super) struct Store {
    clock: Arc<dyn Clock>,
    node: NodeId,
    shelves: Mutex<Shelves>,
    leases: Mutex<Vec<LeaseRecord>>,
    feeds: Mutex<Vec<Weak<Feed>>>,
}

#[derive(Debug)]
struct Shelves {
    capacity: usize,
    slots: HashMap<RouteId, Slot>,
    neutral: BTreeMap<u64, RouteId>,
    scarred: BTreeMap<u64, RouteId>,
    uses: u64,
    swept: Option<Mono>,
    evicted_neutral: u64,
    evicted_scarred: u64,
}

#[derive(Debug)]
struct Slot {
    vector: PhysicsVector,
    stored: Mono,
    /// Invariant: the key under which the route stands in exactly one of the two queues.
    used: u64,
    neutral: bool,
}

const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl Store {
    pub(super) fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let shelves = Shelves {
            capacity,
            slots: HashMap::new(),
            neutral: BTreeMap::new(),
            scarred: BTreeMap::new(),
            uses: 0,
            swept: None,
            evicted_neutral: 0,
            evicted_scarred: 0,
        };
        let (shelves, leases, feeds) = (Mutex::new(shelves), Mutex::default(), Mutex::default());
        Self { clock, node: NodeId::local(), shelves, leases, feeds }
    }

    pub(super) fn keep_leases(&self, leases: &[LeaseRecord]) {
        *lock(&self.leases) = leases.to_vec();
    }

    pub(super) fn kept_leases(&self) -> Vec<LeaseRecord> {
        lock(&self.leases).clone()
    }

    pub(super) fn attach(&self, feed: &Arc<Feed>) {
        let mut feeds = lock(&self.feeds);
        feeds.retain(|one| one.strong_count() > 0);
        feeds.push(Arc::downgrade(feed));
    }

    pub(super) fn get(&self, route: &RouteId) -> Option<PhysicsVector> {
        let now = self.clock.now();
        lock(&self.shelves).get(route, now)
    }

    pub(super) fn put(&self, batch: &[(RouteId, PhysicsVector)]) {
        let now = self.clock.now();
        // Taken before the shelves and kept over the publishing: two writers' changes of a route
        // reach the subscribers in the order in which they were stored.
        let feeds = lock(&self.feeds);
        let first = {
            let mut shelves = lock(&self.shelves);
            for (route, vector) in batch {
                shelves.put(route.clone(), *vector, now);
            }
            shelves.uses.saturating_sub(batch.len() as u64)
        };
        let mut wakers = Vec::new();
        for feed in feeds.iter().filter_map(Weak::upgrade).filter(|feed| feed.has_subscribers()) {
            for (version, (route, vector)) in (first + 1..).zip(batch) {
                let register = Register::new(self.node.clone(), 1, version, *vector);
                wakers.extend(feed.enqueue(&Change::new(route.clone(), register)));
            }
        }
        drop(feeds);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn remove(&self, route: &RouteId) -> bool {
        lock(&self.shelves).take(route).is_some()
    }

    pub(super) fn clear(&self) {
        let mut shelves = lock(&self.shelves);
        shelves.slots.clear();
        shelves.neutral.clear();
        shelves.scarred.clear();
    }

    pub(super) fn stats(&self) -> MemoryStats {
        let shelves = lock(&self.shelves);
        MemoryStats {
            routes: shelves.slots.len(),
            capacity: shelves.capacity,
            evicted_neutral: shelves.evicted_neutral,
            evicted_scarred: shelves.evicted_scarred,
        }
    }

    pub(super) fn export(&self) -> MemorySnapshot {
        let (now, taken) = (self.clock.now(), self.clock.wall());
        let mut routes: Vec<_> =
            lock(&self.shelves).slots.iter().map(|(route, slot)| (route.clone(), slot.aged(now))).collect();
        routes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        MemorySnapshot { taken, routes }
    }

    pub(super) fn import(&self, snapshot: &MemorySnapshot, lain: Duration) -> usize {
        let now = self.clock.now();
        let mut shelves = lock(&self.shelves);
        let mut taken = 0;
        for (route, vector) in &snapshot.routes {
            // A snapshot never evicts: what is here is newer than what it brings.
            if shelves.slots.len() < shelves.capacity && !shelves.slots.contains_key(route) {
                shelves.put(route.clone(), vector.older_by(lain), now);
                taken += 1;
            }
        }
        taken
    }
}

impl Shelves {
    fn get(&mut self, route: &RouteId, now: Mono) -> Option<PhysicsVector> {
        let (route, slot) = self.take(route)?;
        let vector = slot.aged(now);
        self.shelve(route, slot.vector, slot.stored, vector.is_neutral());
        Some(vector)
    }

    fn put(&mut self, route: RouteId, vector: PhysicsVector, now: Mono) {
        let known = self.take(&route).is_some();
        if !known && self.slots.len() >= self.capacity {
            self.evict(now);
        }
        self.shelve(route, vector, now, vector.is_neutral());
    }

    fn shelve(&mut self, route: RouteId, vector: PhysicsVector, stored: Mono, neutral: bool) {
        self.uses += 1;
        let queue = if neutral { &mut self.neutral } else { &mut self.scarred };
        queue.insert(self.uses, route.clone());
        self.slots.insert(route, Slot { vector, stored, used: self.uses, neutral });
    }

    fn take(&mut self, route: &RouteId) -> Option<(RouteId, Slot)> {
        let (route, slot) = self.slots.remove_entry(route)?;
        let queue = if slot.neutral { &mut self.neutral } else { &mut self.scarred };
        queue.remove(&slot.used);
        Some((route, slot))
    }

    fn evict(&mut self, now: Mono) {
        if self.neutral.is_empty() {
            self.sweep(now);
        }
        if let Some((_, victim)) = self.neutral.pop_first() {
            self.evicted_neutral += 1;
            self.slots.remove(&victim);
        } else if let Some((_, victim)) = self.scarred.pop_first() {
            self.evicted_scarred += 1;
            self.slots.remove(&victim);
        }
    }

    /// Moves what faded since it was stored to the neutral queue, keeping the order of use.
    fn sweep(&mut self, now: Mono) {
        if self.swept.is_some_and(|at| now >= at && now.since(at) < SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        for (route, slot) in &mut self.slots {
            if !slot.neutral && slot.aged(now).is_neutral() {
                slot.neutral = true;
                self.scarred.remove(&slot.used);
                self.neutral.insert(slot.used, route.clone());
            }
        }
    }
}

impl Slot {
    fn aged(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.stored))
    }
}
