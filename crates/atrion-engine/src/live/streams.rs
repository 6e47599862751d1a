// SPDX-License-Identifier: Apache-2.0
//! Answered calls whose answer is still being sent.
//!
//! The first byte of a stream is its answer: it has the verdict and the latency, and there the call
//! ends for every law. What follows lasts for as long as its client wants it to, so it is in no
//! crowd, no latency and no age. It is still admitted: a cap counts it until it is closed, and it is
//! heard if it breaks.
//!
//! What clients can keep open out of the law's sight has an end: past [`MOST_STREAMS`] a stream is
//! in flight at the gate until it closes.

use atrion_core::Mono;

use super::stripe::Verdict;
use super::sync::{AtomicI64, AtomicU32, Ordering::Relaxed};
use super::{Live, Ticket};

/// How many streams of a route may be open out of the law's sight. As a call that waits, a stream
/// costs a task and some buffers.
pub(crate) const MOST_STREAMS: i64 = 16_384;

/// The open streams of a route. Each number stands for itself: readers tolerate that they run a
/// little apart. They lie beside what waits: both are asked for together.
#[derive(Debug, Default)]
pub(super) struct Streams {
    count: AtomicI64,
    /// What those cost that are out of the law's sight.
    units: AtomicI64,
    /// Streams that have failed after their first byte. Wraps.
    broken: AtomicU32,
}

impl Live {
    /// How many streams are open.
    pub(crate) fn streams(&self) -> i64 {
        self.waiting.streams.count.load(Relaxed)
    }

    /// The units of them that are admitted and no load.
    #[inline]
    pub(super) fn streamed(&self) -> i64 {
        self.waiting.streams.units.load(Relaxed)
    }

    pub(crate) fn broken_streams(&self) -> u32 {
        self.waiting.streams.broken.load(Relaxed)
    }

    /// A call goes on as a stream; its end as a call is counted apart from this, and afterwards.
    pub(crate) fn open_stream(&self, slot: usize, ticket: Ticket, is_apart: bool) {
        self.waiting.streams.count.fetch_add(1, Relaxed);
        self.weigh_stream(slot, ticket.cost() as i64, is_apart);
    }

    /// An open stream costs so many units more.
    pub(crate) fn weigh_stream(&self, slot: usize, more: i64, is_apart: bool) {
        // First into the count: what is seen between the two is load too many, and never too little.
        if more > 0 {
            self.move_in_flight(self.lane(slot), more);
        }
        if is_apart {
            self.waiting.streams.units.fetch_add(more, Relaxed);
        }
        if more < 0 {
            self.move_in_flight(self.lane(slot), more);
        }
    }

    pub(crate) fn close_stream(&self, slot: usize, ticket: Ticket, is_apart: bool) {
        self.weigh_stream(slot, -(ticket.cost() as i64), is_apart);
        self.waiting.streams.count.fetch_sub(1, Relaxed);
    }

    /// A stream has failed after its first byte: the success that it was counted as is none.
    #[cold]
    pub(crate) fn break_stream(&self, slot: usize, ticket: Ticket, now: Mono) {
        if self.unless_outdated(ticket, now, Verdict::Failed) != Verdict::Failed {
            return;
        }
        self.waiting.streams.broken.fetch_add(1, Relaxed);
        self.lane(slot).failed_with(ticket, now);
        self.weigh_broken(ticket);
        self.on_failure(Verdict::Failed, ticket, now);
        self.touch();
    }
}
