// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What others wrote under our keys that is larger than anything of ours. What is known to be too
//! large is not asked for again for a while: it may be more than the network carries in time, and
//! the connection would break on it again and again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{NodeId, lock};

/// For how long it is left alone.
const ALONE: Duration = Duration::from_secs(600);
/// No more nodes' records are remembered to be too large. Beyond, all are forgotten, and found out
/// again.
const NODES: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Oversized {
    known: Mutex<Known>,
    met: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    /// Until when each node's record is left alone.
    records: HashMap<NodeId, Mono>,
    /// Until when the set of members is.
    set: Option<Mono>,
}

impl Oversized {
    pub(super) fn is_left_alone(&self, node: &NodeId, now: Mono) -> bool {
        self.known().records.get(node).is_some_and(|until| now < *until)
    }

    pub(super) fn leave_alone(&self, node: &NodeId, now: Mono) {
        self.met.fetch_add(1, Ordering::Relaxed);
        let mut known = self.known();
        if known.records.len() >= NODES {
            known.records.clear();
        }
        known.records.insert(node.clone(), now.after(ALONE));
    }

    pub(super) fn is_set_left_alone(&self, now: Mono) -> bool {
        self.known().set.is_some_and(|until| now < until)
    }

    pub(super) fn leave_set_alone(&self, now: Mono) {
        self.met.fetch_add(1, Ordering::Relaxed);
        self.known().set = Some(now.after(ALONE));
    }

    /// How often something was too large. Relaxed: a gauge reads it, no decision does.
    pub(super) fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    /// A lock, because reads of many records are under way at once; held for a look-up.
    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }
}
