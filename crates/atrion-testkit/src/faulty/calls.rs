// SPDX-License-Identifier: Apache-2.0
//! How often each method was called, and how many calls are under way.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How often each method was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Calls {
    /// Calls of `connect`.
    pub connect: u64,
    /// Calls of `disconnect`.
    pub disconnect: u64,
    /// Calls of `get_vector`.
    pub get_vector: u64,
    /// Calls of `warm_start`.
    pub warm_start: u64,
    /// Calls of `update_vector`.
    pub update_vector: u64,
    /// Calls of `update_batch`.
    pub update_batch: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connect: AtomicU64,
    pub(super) disconnect: AtomicU64,
    pub(super) get_vector: AtomicU64,
    pub(super) warm_start: AtomicU64,
    pub(super) update_vector: AtomicU64,
    pub(super) update_batch: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Calls {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Calls {
            connect: read(&self.connect),
            disconnect: read(&self.disconnect),
            get_vector: read(&self.get_vector),
            warm_start: read(&self.warm_start),
            update_vector: read(&self.update_vector),
            update_batch: read(&self.update_batch),
        }
    }
}

/// Counts a future from its first poll to its end, however it ends.
pub(super) struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    pub(super) fn new(gauge: &'a AtomicUsize) -> Self {
        gauge.fetch_add(1, Ordering::SeqCst);
        Self(gauge)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
