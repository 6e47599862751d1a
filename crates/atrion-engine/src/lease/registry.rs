// SPDX-License-Identifier: Apache-2.0
//! The leases of an instance, and who has missed a beat.
//!
//! One lock for all: a lease begins, beats and ends some times a minute. It is never held while an
//! observer is told or a permit is finished.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::{Cost, Mono, Outcome, Priority, Tier, Wall};
use atrion_state::{LeaseEnd, LeaseRecord, RouteId, lock};
use tokio::sync::watch;

use super::options::DAY;
use super::{LeaseId, LeaseOptions, LeaseToken};

/// What is held under leases.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: Mutex<Book>,
    /// The latest number given.
    latest: AtomicU64,
}

/// Invariant: a lease stands under its route if and only if it is held.
#[derive(Debug, Default)]
struct Book {
    leases: BTreeMap<LeaseId, HeldLease>,
    routes: BTreeMap<RouteId, BTreeSet<LeaseId>>,
    /// What earlier lives of this node have held, and taken along.
    lost: Vec<LeaseRecord>,
    changes: Changes,
}

/// How often something has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Changes {
    /// A lease has begun or ended.
    pub(super) set: u64,
    /// A holder has beaten.
    beats: u64,
}

impl Book {
    fn insert(&mut self, id: LeaseId, lease: HeldLease) {
        self.changes.set += 1;
        self.routes.entry(lease.route.clone()).or_default().insert(id);
        self.leases.insert(id, lease);
    }

    fn lost_by(&self, wall: Wall) -> impl Iterator<Item = &LeaseRecord> {
        let is_recent = move |lost: Wall| since(wall, lost) < DAY;
        self.lost.iter().filter(move |record| record.lost.is_some_and(is_recent))
    }

    fn remove(&mut self, id: LeaseId) -> Option<HeldLease> {
        let lease = self.leases.remove(&id)?;
        self.changes.set += 1;
        if let Some(ids) = self.routes.get_mut(&lease.route) {
            ids.remove(&id);
            if ids.is_empty() {
                self.routes.remove(&lease.route);
            }
        }
        Some(lease)
    }
}

/// What a lease holds, given back with the outcome of the job, or cancelled without one.
pub(super) struct Slot(Box<dyn FnOnce(Option<Outcome>) + Send>);

impl Slot {
    pub(super) fn new(give_back: impl FnOnce(Option<Outcome>) + Send + 'static) -> Self {
        Self(Box::new(give_back))
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// One lease.
#[derive(Debug)]
pub(crate) struct HeldLease {
    slot: Slot,
    pub(crate) route: RouteId,
    pub(crate) owner: String,
    priority: Priority,
    options: LeaseOptions,
    since: Mono,
    beat: Mono,
    /// When the next beat is due, without the grace.
    due: Mono,
    progress: Option<f64>,
    told: watch::Sender<Option<LeaseEnd>>,
}

/// A lease at one moment, for people.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LeaseSnapshot {
    /// Its name: what an operator revokes it by.
    pub id: LeaseId,
    /// Who works under it, in the holder's own words.
    pub owner: String,
    /// The tier that it was admitted under.
    pub tier: Tier,
    /// What it costs, in units.
    pub units: Cost,
    /// For how long it has been held. Written in seconds.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::snapshot::written::span"))]
    pub lasted: Duration,
    /// How long ago its holder has beaten, or has begun. Written in seconds.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::snapshot::written::span"))]
    pub since_beat: Duration,
    /// How much is done, 0..=1, if the holder says.
    pub progress: Option<f64>,
}

impl Leases {
    pub(super) fn enter(
        &self,
        slot: Slot,
        route: RouteId,
        priority: Priority,
        options: LeaseOptions,
        now: Mono,
    ) -> (LeaseId, LeaseToken) {
        let id = LeaseId(self.latest.fetch_add(1, Relaxed) + 1);
        let (told, receiver) = watch::channel(None);
        let owner = options.owner.chars().take(LONGEST_OWNER).collect();
        let due = now.after(options.heartbeat);
        let (since, beat, progress) = (now, now, None);
        let lease = HeldLease { slot, route, owner, priority, options, since, beat, due, progress, told };
        lock(&self.held).insert(id, lease);
        (id, LeaseToken::new(receiver))
    }

    pub(super) fn beat(&self, id: LeaseId, now: Mono, progress: Option<f64>) -> bool {
        self.change(id, |lease| {
            (lease.beat, lease.due) = (now, now.after(lease.options.heartbeat));
            if let Some(part) = progress {
                lease.progress = (!part.is_nan()).then_some(part.clamp(0.0, 1.0));
            }
        })
    }

    pub(super) fn extend(&self, id: LeaseId, now: Mono, span: Duration) -> bool {
        self.change(id, |lease| {
            (lease.beat, lease.due) = (now, now.after(span.clamp(lease.options.heartbeat, DAY)));
        })
    }

    fn change(&self, id: LeaseId, change: impl FnOnce(&mut HeldLease)) -> bool {
        let mut held = lock(&self.held);
        held.changes.beats += 1;
        held.leases.get_mut(&id).map(change).is_some()
    }

    /// Takes a lease out: only who gets it ends it.
    pub(crate) fn take(&self, id: LeaseId) -> Option<HeldLease> {
        lock(&self.held).remove(id)
    }

    /// Takes out those whose holders have been silent for too long. While this process stood still,
    /// for the `absent` time, no holder could beat.
    pub(crate) fn overdue(&self, now: Mono, absent: Duration) -> Vec<(LeaseId, HeldLease)> {
        let mut held = lock(&self.held);
        if !absent.is_zero() {
            held.leases.values_mut().for_each(|lease| lease.due = lease.due.after(absent));
        }
        let is_overdue = |lease: &HeldLease| now > lease.due.after(lease.options.grace);
        let leases = held.leases.iter();
        let overdue: Vec<_> = leases.filter(|(_, lease)| is_overdue(lease)).map(|(id, _)| *id).collect();
        overdue.into_iter().filter_map(|id| Some((id, held.remove(id)?))).collect()
    }

    pub(super) fn changes(&self) -> Changes {
        lock(&self.held).changes
    }

    /// All that is held, and what was lost within a day, for a store.
    pub(super) fn records(&self, now: Mono, wall: Wall) -> Vec<LeaseRecord> {
        let held = lock(&self.held);
        let records = held.leases.iter().map(|(id, lease)| lease.record(*id, now, wall));
        records.chain(held.lost_by(wall).cloned()).take(MOST_KEPT).collect()
    }

    /// Takes over what an earlier life has kept: gives those that it held to its end.
    pub(crate) fn take_over(&self, found: Vec<LeaseRecord>, wall: Wall) -> Vec<LeaseRecord> {
        let mut held = lock(&self.held);
        held.lost = found.into_iter().take(MOST_KEPT).collect();
        let mut news = Vec::new();
        for record in held.lost.iter_mut().filter(|record| record.lost.is_none()) {
            record.lost = Some(wall);
            news.push(record.clone());
        }
        held.changes.set += u64::from(!held.lost.is_empty());
        news
    }

    /// What earlier lives of this node have taken along within the last day.
    pub(crate) fn lost(&self, wall: Wall) -> Vec<LeaseRecord> {
        lock(&self.held).lost_by(wall).cloned().collect()
    }

    pub(crate) fn of(&self, route: &RouteId, now: Mono) -> Vec<LeaseSnapshot> {
        let held = lock(&self.held);
        let ids = held.routes.get(route).into_iter().flatten();
        ids.filter_map(|id| Some(held.leases.get(id)?.at(*id, now))).collect()
    }
}

impl HeldLease {
    /// Gives the slot back, and tells the job.
    pub(crate) fn end(self, end: LeaseEnd, outcome: Option<Outcome>) {
        (self.slot.0)(outcome);
        self.told.send_replace(Some(end));
    }

    /// How long it has been held.
    pub(crate) fn lasted(&self, now: Mono) -> Duration {
        now.since(self.since)
    }

    fn record(&self, id: LeaseId, now: Mono, wall: Wall) -> LeaseRecord {
        let at = |then: Mono| {
            let ago = u64::try_from(now.since(then).as_millis()).unwrap_or(u64::MAX);
            Wall::from_millis(wall.as_millis().saturating_sub(ago))
        };
        let (route, owner) = (self.route.clone(), self.owner.as_str().into());
        let (since, beat) = (at(self.since), at(self.beat));
        LeaseRecord { route, lease: id.get(), owner, since, beat, progress: self.progress, lost: None }
    }

    fn at(&self, id: LeaseId, now: Mono) -> LeaseSnapshot {
        LeaseSnapshot {
            id,
            owner: self.owner.clone(),
            tier: self.priority.counted_as(),
            units: self.priority.units(),
            lasted: self.lasted(now),
            since_beat: now.since(self.beat),
            progress: self.progress,
        }
    }
}

/// An owner's name may come from anywhere.
const LONGEST_OWNER: usize = 100;

/// A store keeps no more of one node.
const MOST_KEPT: usize = 1_000;

/// The time from one wall to a later one; none if a clock went back.
pub(crate) fn since(later: Wall, earlier: Wall) -> Duration {
    Duration::from_millis(later.as_millis().saturating_sub(earlier.as_millis()))
}
