// SPDX-License-Identifier: Apache-2.0
//! Waiting for a permit: the line at a gate behind a lock, and who calls up the next of it.
//!
//! A place that becomes free is handed to the next in the line by the thread that notices: the end of a
//! call, a newcomer, the pulse. It is admitted first and woken then, so each wake-up brings an
//! answer, and no other request can take the place in between.
//!
//! Invariant: after the last of any joins, leaves and calls of [`Queue::serve`] has returned, no
//! one waits that could have passed. The end of a call whose thread counts for itself
//! (`live.rs`) may come to light a little later: with the next of these, at the latest the pulse.
//!
//! The end of a call never waits here. One thread serves at a time; another that comes meanwhile
//! leaves word, and the one that serves looks again. If the line is held by one that joins or
//! leaves, that one serves when it lets go.

use std::fmt;

use atrion_core::Mono;

use sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use sync::{AtomicU32, AtomicU64, AtomicUsize, Mutex, MutexGuard};

mod line;
pub(crate) use line::{Answer, Line, Place, Waiter};

mod queues;
pub(crate) use queues::Queues;

mod sync;

#[cfg(all(test, atrion_loom))]
mod loom_tests;
#[cfg(all(test, not(atrion_loom)))]
mod tests;

pub(crate) struct Queue<W> {
    line: Mutex<Line<W>>,
    length: AtomicUsize,
    /// When the patience of the first ends.
    soonest: AtomicU64,
    /// How often was served or asked to since nobody serves.
    asked: AtomicU32,
}

impl<W> Queue<W> {
    pub(crate) fn new() -> Self {
        Self {
            line: Mutex::new(Line::new()),
            length: AtomicUsize::new(0),
            soonest: AtomicU64::new(u64::MAX),
            asked: AtomicU32::new(0),
        }
    }

    /// How many wait.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.length.load(Acquire)
    }

    /// When the patience of the first ends.
    pub(crate) fn soonest(&self) -> Option<Mono> {
        let soonest = self.soonest.load(Relaxed);
        (soonest != u64::MAX).then(|| Mono::from_nanos(soonest))
    }

    /// Changes the line. The caller serves afterwards.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Line<W>) -> R) -> R {
        let mut line = sync::lock(&self.line);
        let result = change(&mut line);
        self.publish(line);
        result
    }

    fn publish(&self, line: MutexGuard<'_, Line<W>>) {
        self.soonest.store(line.soonest().map_or(u64::MAX, Mono::as_nanos), Relaxed);
        // Release: the thread that sees a waiter finds it.
        self.length.store(line.len(), Release);
    }

    /// Takes out each waiter that may pass or whose patience is over, and settles it outside of the lock. `scan`
    /// begins a look along the line.
    pub(crate) fn serve<G, A: FnMut(&Waiter<W>) -> Answer<G>>(
        &self,
        now: Mono,
        mut scan: impl FnMut() -> A,
        mut settle: impl FnMut(Waiter<W>, Option<G>),
    ) {
        // AcqRel: what was free before a thread asked is seen by the one that serves.
        if self.asked.fetch_add(1, AcqRel) != 0 {
            return;
        }
        let turn = Turn(&self.asked);
        let mut seen = 1;
        loop {
            while let Some(mut line) = sync::try_lock(&self.line) {
                let next = match line.give_up(now) {
                    Some(waiter) => Some((waiter, None)),
                    None => line.next(scan()),
                };
                self.publish(line);
                let Some((waiter, given)) = next else { break };
                settle(waiter, given);
            }
            match self.asked.compare_exchange(seen, 0, AcqRel, Acquire) {
                Ok(_) => break,
                Err(asked) => seen = asked,
            }
        }
        std::mem::forget(turn);
    }
}

/// Somebody serves. Dropped by a panic of a waker, it lets others.
struct Turn<'a>(&'a AtomicU32);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}

impl<W> fmt::Debug for Queue<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("len", &self.len()).finish_non_exhaustive()
    }
}
