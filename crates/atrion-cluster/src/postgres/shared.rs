// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the adapter and its task have in common. Locks are held for the length of a look-up or a
//! batch, never over I/O and never while an observer is told something.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use atrion_core::{Mono, Ohms};
use atrion_license::{Feature, Watch};
use atrion_state::{
    Clock, MergedScars, MessageDirection, MessageResult, NodeId, PhysicsVector, ProviderStats, RouteId, lock,
};
use sqlx::postgres::PgConnectOptions;

use super::NAME;
use super::config::PostgresConfig;
use super::own::Own;
use crate::adapter::Adapter;

/// Everything that was set, checked.
pub(super) struct Settings {
    pub(super) config: PostgresConfig,
    pub(super) options: PgConnectOptions,
    pub(super) node: NodeId,
    pub(super) license: Watch,
    pub(super) clock: Arc<dyn Clock>,
}

pub(super) struct Shared {
    pub(super) adapter: Adapter,
    pub(super) own: Own,
    pub(super) config: PostgresConfig,
    pub(super) options: PgConnectOptions,
    pub(super) node: NodeId,
    pub(super) tally: Tally,
    merged: Mutex<Option<Arc<dyn MergedScars>>>,
}

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
        let Settings { config, options, node, license, clock } = settings;
        Self {
            adapter: Adapter::new(NAME, clock, license, Feature::Postgres, &config.cluster),
            own: Own::new(config.routes),
            config,
            options,
            node,
            tally: Tally::default(),
            merged: Mutex::default(),
        }
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

    pub(super) fn stats(&self) -> ProviderStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProviderStats::new(NAME)
            .health(self.adapter.health())
            .lag(self.own.lag(self.now()))
            .messages(MessageDirection::Sent, MessageResult::Accepted, count(&self.tally.written))
            .messages(MessageDirection::Sent, MessageResult::Stale, count(&self.tally.stale))
            .rejected(MessageDirection::Sent, "refused", count(&self.tally.refused))
            .rejected(MessageDirection::Sent, "ring_full", self.own.overrun())
            .rejected(MessageDirection::Sent, "evicted", self.own.vectors.evicted())
            .rejected(MessageDirection::Received, "invalid", count(&self.tally.invalid))
            .license(self.adapter.license_standing())
    }
}

impl Tally {
    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

/// The options have the password in them.
impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .field("health", &self.adapter.health())
            .finish()
    }
}
