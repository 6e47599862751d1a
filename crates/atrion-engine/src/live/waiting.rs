// SPDX-License-Identifier: Apache-2.0
//! Calls that wait for their client: for the rest of an upload, or for a reader that is slow.
//!
//! Such a call is admitted, and nothing is done for it. It stays in the count of what is admitted,
//! which a cap bounds, and it is taken off the crowd that the law looks at, off the area under
//! n(t) and off the ages. Its latency is the time in which it did not wait. Otherwise a few sockets
//! that dawdle would look like a service that is full.
//!
//! Waiting is bounded: past [`MOST_WAITING`] a call that waits is load like any other, so that what
//! a client can keep open out of the law's sight has an end.

use atrion_core::Mono;

use super::streams::Streams;
use super::sync::{AtomicI64, AtomicU64, Ordering::Relaxed};
use super::{Live, Ticket};

/// How many calls of a route may wait out of the law's sight. A waiting call costs a task and some
/// buffers, a few kilobytes.
const MOST_WAITING: i64 = 16_384;

/// What a call can wait for. It waits while it waits for either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// The next bytes of the request.
    Sender = 1,
    /// A reader that takes the next bytes of the response.
    Reader = 2,
}

/// How long one call has waited. Shared by all that can see it wait.
///
/// The two highest bits say what it waits for. The others are nanoseconds: how long it has waited
/// so far, or, while it waits, when that began less what it had waited before.
#[derive(Debug, Default)]
pub(crate) struct Waited(AtomicU64);

/// A wait that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    /// When the call began to wait, as its word had it, if it waited to the end.
    pub(crate) since: Option<u64>,
    /// How long it has waited in all.
    pub(crate) nanos: u64,
}

const NANOS: u64 = u64::MAX >> 2;
const OVER: u64 = u64::MAX;

/// What the waiting calls of a route amount to. Each number stands for itself: readers tolerate
/// that they run a little apart.
///
/// On lines of its own: a busy route of uploads writes it, and what stands around it is read by
/// every request.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Waiting {
    /// In units.
    count: AtomicI64,
    calls: AtomicI64,
    /// Sum of the beginnings' times minus the ends', each counted from the start of the window it
    /// fell in. Wraps.
    offsets: AtomicU64,
    /// Sum of how long the calls that wait now were worked at. Wraps.
    ages: AtomicU64,
    pub(super) streams: Streams,
}

/// The same at one moment, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WaitingReading {
    pub(crate) count: i64,
    pub(crate) offsets: u64,
    pub(crate) ages: u64,
}

/// The start of a call that has waited for so many nanoseconds. It is no later than now, whatever
/// the clock does.
pub(crate) fn later_by(start: Mono, nanos: u64, now: Mono) -> Mono {
    let later = start.as_nanos().saturating_add(nanos).min(now.as_nanos());
    start.max(Mono::from_nanos(later))
}

impl Live {
    /// No more calls may wait out of the law's sight.
    pub(crate) fn is_full_of_waiting(&self) -> bool {
        self.waiting.calls.load(Relaxed) >= MOST_WAITING
    }

    /// How many units of admitted calls wait.
    #[inline]
    pub(crate) fn waiting(&self) -> i64 {
        self.waiting.count.load(Relaxed)
    }

    pub(crate) fn read_waiting(&self) -> WaitingReading {
        let Waiting { count, offsets, ages, .. } = &self.waiting;
        WaitingReading {
            count: count.load(Relaxed),
            offsets: offsets.load(Relaxed),
            ages: ages.load(Relaxed),
        }
    }

    /// A call has begun to wait: at `since`, as its word has it.
    pub(crate) fn has_left(&self, ticket: Ticket, since: u64, now: Mono) {
        let worked = since.wrapping_sub(ticket.start.as_nanos());
        self.count_away(ticket, Mono::from_nanos(now.as_nanos().saturating_sub(worked)));
        let units = ticket.cost();
        self.waiting.calls.fetch_add(1, Relaxed);
        self.waiting.count.fetch_add(units as i64, Relaxed);
        self.waiting.offsets.fetch_add(units.wrapping_mul(self.offset(now)), Relaxed);
        self.waiting.ages.fetch_add(units.wrapping_mul(worked), Relaxed);
    }

    /// It goes on.
    pub(crate) fn is_back(&self, ticket: Ticket, since: u64, now: Mono) {
        let worked = since.wrapping_sub(ticket.start.as_nanos());
        self.count_back(ticket, Mono::from_nanos(now.as_nanos().saturating_sub(worked)));
        let units = ticket.cost();
        self.waiting.calls.fetch_sub(1, Relaxed);
        self.waiting.count.fetch_sub(units as i64, Relaxed);
        self.waiting.offsets.fetch_sub(units.wrapping_mul(self.offset(now)), Relaxed);
        self.waiting.ages.fetch_sub(units.wrapping_mul(worked), Relaxed);
        self.touch();
    }

    fn offset(&self, now: Mono) -> u64 {
        now.as_nanos().wrapping_sub(self.window_start().as_nanos())
    }
}

/// Relaxed throughout: the word orders nothing but itself.
impl Waited {
    pub(crate) fn is_for(&self, what: For) -> bool {
        let word = self.0.load(Relaxed);
        word != OVER && word & flag(what) != 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Relaxed) == OVER
    }

    /// The beginning as the word has it, if the call did not wait and may begin to.
    pub(crate) fn begin(&self, what: For, now: Mono, may: impl Fn() -> bool) -> Option<u64> {
        let mut word = self.0.load(Relaxed);
        loop {
            let (flags, nanos) = (word & !NANOS, word & NANOS);
            let flag = flag(what);
            if word == OVER || flags & flag != 0 || flags == 0 && !may() {
                return None;
            }
            let since = if flags == 0 { now.as_nanos().saturating_sub(nanos) & NANOS } else { nanos };
            match self.0.compare_exchange_weak(word, flags | flag | since, Relaxed, Relaxed) {
                Ok(_) => return (flags == 0).then_some(since),
                Err(current) => word = current,
            }
        }
    }

    /// The beginning as the word had it, if the call waits no more.
    pub(crate) fn end(&self, what: For, now: Mono) -> Option<u64> {
        let mut word = self.0.load(Relaxed);
        loop {
            let (flags, nanos) = (word & !NANOS, word & NANOS);
            let flag = flag(what);
            if word == OVER || flags & flag == 0 {
                return None;
            }
            let goes_on = flags == flag;
            let next =
                if goes_on { now.as_nanos().saturating_sub(nanos) & NANOS } else { flags & !flag | nanos };
            match self.0.compare_exchange_weak(word, next, Relaxed, Relaxed) {
                Ok(_) => return goes_on.then_some(nanos),
                Err(current) => word = current,
            }
        }
    }

    /// Ends it. `None`: it was over already.
    pub(crate) fn close(&self, now: Mono) -> Option<Closed> {
        Closed::of(self.0.swap(OVER, Relaxed), now)
    }

    /// The same where no other thread can see it.
    pub(crate) fn close_alone(&mut self, now: Mono) -> Option<Closed> {
        let word = self.0.load(Relaxed);
        self.0.store(OVER, Relaxed);
        Closed::of(word, now)
    }
}

impl Closed {
    #[inline]
    fn of(word: u64, now: Mono) -> Option<Self> {
        let nanos = word & NANOS;
        match word {
            OVER => None,
            _ if word == nanos => Some(Self { since: None, nanos }),
            _ => Some(Self { since: Some(nanos), nanos: now.as_nanos().saturating_sub(nanos) }),
        }
    }
}

const fn flag(what: For) -> u64 {
    (what as u64) << NANOS.count_ones()
}

#[cfg(all(test, not(atrion_loom)))]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Mono {
        Mono::from_nanos(nanos)
    }

    #[test]
    fn a_call_waits_while_it_waits_for_either() {
        let waited = Waited::default();
        assert_eq!(waited.begin(For::Sender, at(10), || true), Some(10));
        assert_eq!(waited.begin(For::Sender, at(11), || true), None, "it does already");
        assert_eq!(waited.begin(For::Reader, at(12), || false), None, "the same wait goes on");
        assert_eq!(waited.end(For::Sender, at(15)), None, "the reader has not come");
        assert_eq!(waited.end(For::Reader, at(20)), Some(10));
        assert_eq!(waited.end(For::Reader, at(21)), None);
        // Ten so far: the second wait counts as if it had begun ten earlier.
        assert_eq!(waited.begin(For::Reader, at(30), || true), Some(20));
        assert_eq!(waited.close(at(35)), Some(Closed { since: Some(20), nanos: 15 }));
        assert_eq!(waited.close(at(36)), None);
        assert_eq!(waited.begin(For::Sender, at(37), || true), None);
    }

    #[test]
    fn where_too_many_wait_a_call_does_not() {
        let mut waited = Waited::default();
        assert_eq!(waited.begin(For::Sender, at(10), || false), None);
        assert_eq!(waited.close_alone(at(20)), Some(Closed { since: None, nanos: 0 }));
        assert_eq!(waited.close_alone(at(21)), None);
    }
}
