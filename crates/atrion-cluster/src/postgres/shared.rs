// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the adapter and its task have in common. Locks are held for the length of a look-up or a batch, never over I/O
//! and never while an observer is told something.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_core::{Mono, Ohms};
use atrion_state::{
    Clock, Event, Health, MergedScars, MessageDirection, MessageResult, NodeId, Observer, PhysicsVector,
    ProviderError, ProviderStats, RouteId, lock,
};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;

use super::config::PostgresConfig;
use super::error::NAME;
use super::own::Own;
use crate::license_gate::LicenseGate;

pub(super) struct Shared {
    pub(super) config: PostgresConfig,
    pub(super) options: PgConnectOptions,
    pub(super) node: NodeId,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) license: LicenseGate,
    pub(super) status: watch::Sender<Status>,
    pub(super) tally: Tally,
    own: Mutex<Own>,
    observer: Mutex<Arc<dyn Observer>>,
    merged: Mutex<Option<Arc<dyn MergedScars>>>,
}

/// How the adapter is.
#[derive(Debug, Clone, Default)]
pub(super) struct Status {
    pub(super) link: Link,
    /// What an earlier life stored has been read.
    pub(super) loaded: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Link {
    /// Not connected, by choice.
    #[default]
    Idle,
    Connecting,
    Up,
    Down(Arc<ProviderError>),
    Unlicensed,
}

/// Counts that never go back. Relaxed: each is for itself, and nobody decides by them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows that were written.
    pub(super) written: AtomicU64,
    /// Rows that were not news: written before by this life, or overtaken by another one of the same name.
    pub(super) stale: AtomicU64,
    /// Rows that the database refused.
    pub(super) refused: AtomicU64,
    /// Rows that were read and are no vectors.
    pub(super) invalid: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        config: PostgresConfig,
        options: PgConnectOptions,
        node: NodeId,
        clock: Arc<dyn Clock>,
        license: LicenseGate,
    ) -> Self {
        let own = Mutex::new(Own::new(config.routes));
        let (status, observer) = (watch::Sender::default(), Mutex::new(Arc::new(()) as Arc<dyn Observer>));
        Self {
            config,
            options,
            node,
            clock,
            license,
            status,
            tally: Tally::default(),
            own,
            observer,
            merged: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Mono {
        self.clock.now()
    }

    pub(super) fn own(&self) -> MutexGuard<'_, Own> {
        lock(&self.own)
    }

    pub(super) fn attach(&self, observer: Arc<dyn Observer>) {
        let earlier = std::mem::replace(&mut *lock(&self.observer), observer);
        // What an observer does when it is dropped is its own affair, and not done under our lock.
        drop(earlier);
        self.license.tell_again();
    }

    pub(super) fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        let earlier = lock(&self.merged).replace(merged);
        drop(earlier);
    }

    /// Takes vectors of the running life. What a gate made of the fleet is asked for where a mode has changed.
    pub(super) fn put(&self, batch: &[(RouteId, PhysicsVector)]) {
        let turning: Vec<RouteId> = {
            let own = self.own();
            let turning = batch.iter().filter(|(route, vector)| own.turns(route, vector));
            turning.map(|(route, _)| route.clone()).collect()
        };
        let merged: HashMap<RouteId, Ohms> = self.merged(turning).collect();
        let (mut own, now) = (self.own(), self.now());
        for (route, vector) in batch {
            own.put(route.clone(), *vector, merged.get(route).copied(), now);
        }
    }

    /// What the gates of these routes made of the fleet. Asked without a lock: a gate has locks of its own.
    pub(super) fn merged(&self, routes: Vec<RouteId>) -> impl Iterator<Item = (RouteId, Ohms)> {
        let scars = lock(&self.merged).clone();
        routes.into_iter().filter_map(move |route| {
            let merged = scars.as_ref()?.merged_scar(&route)?;
            Some((route, merged))
        })
    }

    pub(super) fn tell(&self, event: &Event) {
        let observer = Arc::clone(&*lock(&self.observer));
        observer.on_event(event);
    }

    pub(super) fn health(&self) -> Health {
        match &self.status.borrow().link {
            Link::Idle => Health::Disconnected,
            Link::Up => Health::Up,
            Link::Connecting => Health::Degraded { reason: "connecting".into() },
            Link::Down(error) => Health::Degraded { reason: error.to_string().into() },
            Link::Unlicensed => {
                Health::Degraded { reason: "no licence permits it: state stays in memory".into() }
            }
        }
    }

    pub(super) fn stats(&self) -> ProviderStats {
        let (counts, (_, lag)) = {
            let own = self.own();
            (own.counts, own.backlog(self.now()))
        };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProviderStats::new(NAME)
            .health(self.health())
            .lag(lag)
            .messages(MessageDirection::Sent, MessageResult::Accepted, count(&self.tally.written))
            .messages(MessageDirection::Sent, MessageResult::Stale, count(&self.tally.stale))
            .rejected(MessageDirection::Sent, "refused", count(&self.tally.refused))
            .rejected(MessageDirection::Sent, "ring_full", counts.overrun)
            .rejected(MessageDirection::Sent, "evicted", counts.evicted)
            .rejected(MessageDirection::Received, "invalid", count(&self.tally.invalid))
            .license(self.license.standing(self.clock.wall()))
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
            .field("status", &*self.status.borrow())
            .finish()
    }
}
