// SPDX-License-Identifier: Apache-2.0
//! How old the calls in flight are, counted at a flat cost, and which of them were overtaken.
//!
//! Time is cut into spans of a tick or more. A call counts in the span that it started in, by tier,
//! on the stripe of whichever thread admits or finishes it: the sum over the stripes is how many of
//! that span are still in flight. The pulse opens a new span now and then, and moves old ones whole
//! over the bound to the *overtaken*: calls so old, while younger ones are answered, that what they
//! wait for is not the service's usual work. They are counted once for the route, and the crowd
//! that the law looks at is without them.
//!
//! Where a call counts is a function of its start and of what the pulse has published. A call that
//! ends in the same instant in which the pulse moves its span may be taken off the wrong place. The
//! sum over all places is right all the same, and the two errors meet when that span is read again.

use atrion_core::Mono;

use super::stripe::{SPANS, TIERS, tier_index};
use super::sync::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use super::{Live, Ticket};

/// What the pulse has published of the spans. Read by every request, written once a tick.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// When the newest began, in nanoseconds.
    newest: AtomicU64,
    /// Calls that started before are overtaken.
    overtaken_before: AtomicU64,
    /// Admitted calls that are not the service's work, as of the last tick.
    apart: AtomicI64,
    /// The place of the newest.
    place: AtomicU32,
    begins: [AtomicU64; SPANS],
}

/// The overtaken calls by tier, apart from what every request reads.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Overtaken([AtomicI64; TIERS]);

impl Live {
    /// The place of the span that a call is of; `None`: it is overtaken.
    #[inline(always)]
    pub(super) fn span_of(&self, start: Mono) -> Option<usize> {
        if start.as_nanos() >= self.spans.newest.load(Relaxed) {
            return Some(self.spans.place.load(Relaxed) as usize % SPANS);
        }
        self.older_span_of(start.as_nanos())
    }

    #[inline(never)]
    fn older_span_of(&self, start: u64) -> Option<usize> {
        if start < self.spans.overtaken_before.load(Relaxed) {
            return None;
        }
        let newest = self.spans.place.load(Relaxed) as usize;
        // The oldest that is not overtaken begins at the bound, so the search ends there.
        (0..SPANS)
            .map(|back| (newest + SPANS - back) % SPANS)
            .find(|place| start >= self.spans.begins[*place].load(Relaxed))
    }

    /// An overtaken call has ended or waits for its client.
    #[cold]
    pub(super) fn one_overtaken_less(&self, ticket: Ticket) {
        self.overtaken.0[tier_index(ticket.tier)].fetch_sub(1, Relaxed);
        // The route may be quiet but for such calls.
        self.touch();
    }

    /// A call goes on that had started at `start`, as if it came from its client now.
    pub(super) fn count_back(&self, ticket: Ticket, start: Mono) {
        if ticket.units != 0 {
            return;
        }
        match self.span_of(start) {
            Some(span) => _ = self.base.young[tier_index(ticket.tier)][span].fetch_add(1, Relaxed),
            None => _ = self.overtaken.0[tier_index(ticket.tier)].fetch_add(1, Relaxed),
        }
    }

    /// It begins to wait for its client.
    pub(super) fn count_away(&self, ticket: Ticket, start: Mono) {
        if ticket.units != 0 {
            return;
        }
        match self.span_of(start) {
            Some(span) => _ = self.base.young[tier_index(ticket.tier)][span].fetch_sub(1, Relaxed),
            None => self.one_overtaken_less(ticket),
        }
    }

    /// How many admitted calls are overtaken. Negative is the error of an instant.
    pub(crate) fn overtaken(&self) -> i64 {
        self.overtaken.0.iter().map(|count| count.load(Relaxed)).sum::<i64>().max(0)
    }

    pub(crate) fn overtaken_by_tier(&self) -> [i64; TIERS] {
        std::array::from_fn(|tier| self.overtaken.0[tier].load(Relaxed))
    }

    /// How many calls of a span are in flight, by tier. Wraps, because what the pulse has moved
    /// still counts.
    pub(crate) fn read_span(&self, place: usize) -> [u32; TIERS] {
        let mut sum = [0u32; TIERS];
        self.each_stripe(|stripe| {
            for (total, young) in sum.iter_mut().zip(&stripe.young) {
                *total = total.wrapping_add(young[place].load(Relaxed));
            }
        });
        sum
    }

    /// The pulse moves calls to the overtaken, or takes them back.
    pub(crate) fn move_to_overtaken(&self, by_tier: [i64; TIERS]) {
        for (count, by) in self.overtaken.0.iter().zip(by_tier) {
            if by != 0 {
                count.fetch_add(by, Relaxed);
            }
        }
    }

    /// Most routes have none, and their requests do not look.
    #[inline(always)]
    pub(super) fn apart_if_any(&self) -> i64 {
        if self.spans.apart.load(Relaxed) == 0 { 0 } else { self.apart() }
    }

    pub(crate) fn publish_apart(&self) {
        self.spans.apart.store(self.apart(), Relaxed);
    }

    pub(crate) fn set_overtaken_before(&self, nanos: u64) {
        self.spans.overtaken_before.store(nanos, Relaxed);
    }

    /// A span goes on with the calls of the one before it.
    pub(crate) fn set_begin(&self, place: usize, begin: u64) {
        self.spans.begins[place].store(begin, Relaxed);
    }

    pub(crate) fn open_span(&self, place: usize, begin: u64) {
        self.spans.begins[place].store(begin, Relaxed);
        self.spans.place.store(place as u32, Relaxed);
        self.spans.newest.store(begin, Relaxed);
    }
}
