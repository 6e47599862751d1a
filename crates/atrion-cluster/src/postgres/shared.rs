// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the adapter and its task have in common. Locks are held for the length of a look-up or a
//! batch, never over I/O and never while an observer is told something.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_core::{Mono, Ohms};
use atrion_license::{Feature, Watch};
use atrion_state::{
    Clock, Health, MergedScars, MessageDirection, MessageResult, NodeId, PhysicsVector, ProviderStats,
    RouteId, lock,
};

use super::NAME;
use super::config::PostgresConfig;
use super::login::Login;
use super::own::Own;
use crate::adapter::Adapter;

/// Everything that was set, checked.
pub(super) struct Settings {
    pub(super) config: PostgresConfig,
    pub(super) login: Login,
    pub(super) node: NodeId,
    pub(super) license: Watch,
    pub(super) clock: Arc<dyn Clock>,
}

pub(super) struct Shared {
    pub(super) adapter: Adapter,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) own: Own,
    pub(super) config: PostgresConfig,
    pub(super) login: Login,
    pub(super) node: NodeId,
    pub(super) tally: Tally,
    merged: Mutex<Option<Arc<dyn MergedScars>>>,
    /// What an earlier life stored has been read.
    loaded: AtomicBool,
    /// Something was written without waiting for the disk.
    unsettled: AtomicBool,
    /// Callers that wait for the disk.
    flushing: AtomicUsize,
}

/// A caller that waits for the disk.
pub(super) struct Flushing<'a>(&'a Shared);

/// Counts that never go back. Relaxed: each is read by itself, and no decision reads them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows that were written.
    pub(super) written: AtomicU64,
    /// Rows that were not news: written before by this life, or overtaken by another one of the
    /// same name.
    pub(super) stale: AtomicU64,
    /// Rows that the database refused.
    pub(super) refused: AtomicU64,
    /// Rows that were read and are no vectors.
    pub(super) invalid: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        let Settings { config, login, node, license, clock } = settings;
        Self {
            adapter: Adapter::new(NAME, Arc::clone(&clock), license, Feature::Postgres, &config.cluster),
            clock,
            own: Own::new(config.routes),
            config,
            login,
            node,
            tally: Tally::default(),
            merged: Mutex::default(),
            loaded: AtomicBool::new(false),
            unsettled: AtomicBool::new(false),
            flushing: AtomicUsize::new(0),
        }
    }

    /// Nodes differ in their names, lives of a node in their start times.
    pub(super) fn seed(&self) -> u64 {
        let name = self.node.as_str().bytes();
        name.fold(self.adapter.wall().as_millis(), |seed, byte| seed.rotate_left(5) ^ u64::from(byte))
    }

    pub(super) fn loaded(&self) {
        self.loaded.store(true, Ordering::SeqCst);
    }

    /// Whether "I know of none" is the truth: it is, once what an earlier life stored has been
    /// read, and without a license, when there is nothing to read.
    pub(super) fn knows_all(&self) -> bool {
        self.loaded.load(Ordering::SeqCst) || !self.adapter.license.is_granted()
    }

    pub(super) fn unsettled(&self, is: bool) {
        self.unsettled.store(is, Ordering::SeqCst);
    }

    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::SeqCst)
    }

    /// Until the guard is dropped, what is due can wait for the disk.
    pub(super) fn flushing(&self) -> Flushing<'_> {
        self.flushing.fetch_add(1, Ordering::SeqCst);
        Flushing(self)
    }

    pub(super) fn is_flushing(&self) -> bool {
        self.flushing.load(Ordering::SeqCst) > 0
    }

    pub(super) fn now(&self) -> Mono {
        self.adapter.now()
    }

    pub(super) fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        let earlier = lock(&self.merged).replace(merged);
        drop(earlier);
    }

    /// Takes vectors of the running life. What a gate made of the fleet is asked for where a mode
    /// has changed.
    pub(super) fn put(&self, batch: &[(RouteId, PhysicsVector)]) {
        let now = self.now();
        let turning = batch.iter().filter(|(route, vector)| self.own.turns(route, vector, now));
        let turning = turning.map(|(route, _)| route.clone()).collect();
        let merged: HashMap<RouteId, Ohms> = self.merged(turning).collect();
        for (route, vector) in batch {
            self.own.put(route.clone(), *vector, merged.get(route).copied(), now);
        }
    }

    /// What the gates of these routes made of the fleet. Asked without a lock: a gate has locks of
    /// its own.
    pub(super) fn merged(&self, routes: Vec<RouteId>) -> impl Iterator<Item = (RouteId, Ohms)> {
        let scars = lock(&self.merged).clone();
        routes.into_iter().filter_map(move |route| {
            let merged = scars.as_ref()?.merged_scar(&route)?;
            Some((route, merged))
        })
    }

    pub(super) fn stats(&self, health: Health, lag: Duration) -> ProviderStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProviderStats::new(NAME)
            .health(health)
            .lag(lag)
            .messages(MessageDirection::Sent, MessageResult::Accepted, count(&self.tally.written))
            .messages(MessageDirection::Sent, MessageResult::Stale, count(&self.tally.stale))
            .rejected(MessageDirection::Sent, "refused", count(&self.tally.refused))
            .rejected(MessageDirection::Sent, "ring_full", self.own.overrun())
            .rejected(MessageDirection::Sent, "evicted", self.own.vectors.evicted())
            .rejected(MessageDirection::Received, "invalid", count(&self.tally.invalid))
            .license(self.adapter.license_standing())
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.flushing.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tally {
    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

/// The login has the password in it.
impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}
