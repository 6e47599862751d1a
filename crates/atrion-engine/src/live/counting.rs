// SPDX-License-Identifier: Apache-2.0
//! Where a thread counts: on its own stripe of a busy route, on the shared one otherwise.

use std::sync::OnceLock;

use super::Live;
use super::stripe::{Lane, Padded, Stripe};
use super::sync::Ordering::{AcqRel, Relaxed, Release};

impl Live {
    /// The calling thread's own stripe, if the route is busy enough to have them.
    #[inline(always)]
    pub(super) fn own_lane(&self, slot: usize) -> Option<Lane<'_>> {
        self.stripes.get().get(slot).map(|Padded(stripe)| Lane { stripe, own: true })
    }

    pub(super) fn lane(&self, slot: usize) -> Lane<'_> {
        match self.stripes.get().get(slot) {
            Some(Padded(stripe)) => Lane { stripe, own: true },
            None => Lane { stripe: &self.base, own: false },
        }
    }

    /// Counts `by` (1 or -1) and gives back the count before, as this thread knows it.
    pub(super) fn move_in_flight(&self, lane: Lane<'_>, by: i64) -> i64 {
        if !lane.own {
            // AcqRel: see `Live::settle_count`.
            return self.in_flight.0.fetch_add(by, AcqRel);
        }
        let before = lane.stripe.unflushed.load(Relaxed);
        let after = before + by;
        if after.unsigned_abs() >= u64::from(self.batch.load(Relaxed)) {
            // Emptied first, and Release: a reader in between misses this batch and never counts it
            // twice.
            lane.stripe.unflushed.store(0, Relaxed);
            self.in_flight.0.fetch_add(after, Release) + before
        } else {
            lane.stripe.unflushed.store(after, Relaxed);
            self.in_flight.0.load(Relaxed) + before
        }
    }

    /// The in-flight count as far as this thread knows it without looking at the others' stripes.
    #[inline]
    pub(super) fn near_in_flight(&self, lane: Lane<'_>) -> i64 {
        let own = if lane.own { lane.stripe.unflushed.load(Relaxed) } else { 0 };
        self.in_flight.0.load(Relaxed) + own
    }

    pub(super) fn exact_in_flight(&self) -> u64 {
        u64::try_from(self.exact_in_flight_signed()).unwrap_or(0)
    }

    pub(super) fn each_stripe<'a>(&'a self, mut visit: impl FnMut(&'a Stripe)) {
        visit(&self.base);
        for stripe in self.stripes.get() {
            visit(&stripe.0);
        }
    }
}

/// How many in-flight changes a thread may keep to itself: about an eighth of N* in sum over all
/// threads, one more than none only where all threads together stay under half of N*.
pub(super) fn batch(target: f64, threads: usize) -> u32 {
    let threads = threads.max(1) as f64;
    let by_share = (target / (8.0 * threads)) as u32;
    let floor = u32::from(2.0 * threads <= target);
    1 + by_share.max(floor).min(MOST_UNFLUSHED - 1)
}

/// The most that is kept unflushed by one thread, however large N* is.
const MOST_UNFLUSHED: u32 = 64;

/// The stripes of a route: none at first, one for each thread slot when it has become busy.
#[derive(Debug, Default)]
pub(super) struct Stripes(OnceLock<Box<[Padded]>>);

impl Stripes {
    #[inline]
    pub(super) fn get(&self) -> &[Padded] {
        self.0.get().map_or(&[], |stripes| stripes)
    }

    pub(super) fn grow(&self, slots: usize) {
        self.0.get_or_init(|| (0..slots).map(|_| Padded::default()).collect());
    }
}
