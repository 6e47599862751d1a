// SPDX-License-Identifier: Apache-2.0
//! The leases of an instance, and who has missed a beat.
//!
//! One lock for all: a lease begins, beats and ends some times a minute. It is never held while an
//! observer is told or a permit is finished.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::{Cost, Mono, Outcome, Priority, Tier};
use atrion_state::{LeaseEnd, RouteId, lock};
use tokio::sync::watch;

use super::options::DAY;
use super::{LeaseId, LeaseOptions, LeaseToken};

/// What is held under leases.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: Mutex<BTreeMap<LeaseId, HeldLease>>,
    /// The latest number given.
    latest: AtomicU64,
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
        lock(&self.held).get_mut(&id).map(change).is_some()
    }

    /// Takes a lease out: only who gets it ends it.
    pub(crate) fn take(&self, id: LeaseId) -> Option<HeldLease> {
        lock(&self.held).remove(&id)
    }

    /// Takes out those whose holders have been silent for too long. While this process stood still,
    /// for the `absent` time, no holder could beat.
    pub(crate) fn overdue(&self, now: Mono, absent: Duration) -> Vec<(LeaseId, HeldLease)> {
        let mut held = lock(&self.held);
        if !absent.is_zero() {
            held.values_mut().for_each(|lease| lease.due = lease.due.after(absent));
        }
        let is_overdue = |lease: &HeldLease| now > lease.due.after(lease.options.grace);
        let overdue: Vec<_> = held.iter().filter(|(_, lease)| is_overdue(lease)).map(|(id, _)| *id).collect();
        overdue.into_iter().filter_map(|id| Some((id, held.remove(&id)?))).collect()
    }

    pub(crate) fn of(&self, route: &RouteId, now: Mono) -> Vec<LeaseSnapshot> {
        let held = lock(&self.held);
        held.iter().filter(|(_, lease)| lease.route == *route).map(|(id, lease)| lease.at(*id, now)).collect()
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
