// SPDX-License-Identifier: Apache-2.0
//! The gates of an instance that have waiters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use atrion_core::Mono;
use atrion_state::lock;
use tokio::sync::Notify;

use crate::cell::RouteCell;

#[derive(Debug)]
pub(crate) struct Queues {
    gates: Mutex<Gates>,
    /// When a waiter's patience ends next, as far as it is known; no later than that.
    soonest: AtomicU64,
    /// Rung when one ends sooner than was known.
    pub(crate) sooner: Notify,
}

#[derive(Debug, Default)]
struct Gates {
    /// Weak: each knows this list.
    listed: Vec<Weak<RouteCell>>,
    /// The instance has been shut down.
    is_closed: bool,
}

impl Default for Queues {
    fn default() -> Self {
        Self { gates: Mutex::default(), soonest: AtomicU64::new(u64::MAX), sooner: Notify::new() }
    }
}

impl Queues {
    /// A waiter is at this gate until `end`. False: waiting is over for good.
    pub(crate) fn enlist(&self, gate: &Arc<RouteCell>, end: Mono) -> bool {
        let mut gates = lock(&self.gates);
        if !gates.listed.iter().any(|listed| std::ptr::eq(listed.as_ptr(), &raw const **gate)) {
            gates.listed.push(Arc::downgrade(gate));
        }
        let is_open = !gates.is_closed;
        drop(gates);
        if end.as_nanos() < self.soonest.fetch_min(end.as_nanos(), Relaxed) {
            self.sooner.notify_one();
        }
        is_open
    }

    /// The gates may have changed: calls up the waiters that may pass.
    pub(crate) fn serve(&self, now: Mono) {
        self.gates().iter().for_each(|gate| gate.serve(now));
    }

    /// The same, once for each pulse.
    pub(crate) fn pulse(&self, now: Mono) {
        for gate in self.gates() {
            gate.keep_awake();
            gate.serve(now);
        }
        // One that comes in between has joined its line before it is enlisted.
        let waits = |gate: &Weak<RouteCell>| gate.upgrade().is_some_and(|gate| gate.queued() != 0);
        lock(&self.gates).listed.retain(waits);
    }

    /// Ends the wait of those whose patience is over, and says when the next one's is.
    pub(crate) fn end_overdue(&self, now: Mono) -> Option<Mono> {
        // First: a waiter that comes from now on says so itself.
        self.soonest.store(u64::MAX, Relaxed);
        let gates = self.gates();
        gates.iter().for_each(|gate| gate.serve(now));
        let soonest = gates.iter().filter_map(|gate| gate.soonest_end()).min()?;
        self.soonest.fetch_min(soonest.as_nanos(), Relaxed);
        Some(soonest)
    }

    /// Ends all waits, and lets nothing wait from now on.
    pub(crate) fn close(&self, now: Mono) {
        lock(&self.gates).is_closed = true;
        self.gates().iter().for_each(|gate| gate.end_all_waits(now));
    }

    fn gates(&self) -> Vec<Arc<RouteCell>> {
        lock(&self.gates).listed.iter().filter_map(Weak::upgrade).collect()
    }
}
