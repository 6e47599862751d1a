// SPDX-License-Identifier: Apache-2.0
//! The counters of one route, as one thread writes them.
//!
//! A route starts with one stripe that all threads share, by read-modify-write. A busy route gets
//! one stripe per thread, and then a count is a plain load and store on a cache line that no other
//! thread writes. All counters run on and wrap; a reader takes differences. A torn read (a count
//! whose sum is still on its way) is mended by the next window.

use atrion_core::{Mono, Reason, Tier};

use super::Ticket;
use super::sync::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

/// One writer's counters. What the usual request writes (admit, success in time) stands in front,
/// in two lines.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Stripe {
    /// In-flight changes of this thread that have not been flushed to the route's counter yet.
    pub(super) unflushed: AtomicI64,
    looks: AtomicU64,
    /// Sum of the admissions' times minus the finishes', each counted from the start of the window
    /// it fell in.
    offsets: AtomicU64,
    last_admit: AtomicU64,
    /// The latest answer that shows the callee alive: a success in time, or an answer that says
    /// nothing of its health.
    last_alive: AtomicU64,
    held: AtomicU64,
    succeeded: AtomicU32,
    admitted: [AtomicU32; TIERS],
    /// Calls in flight by tier and by the span that they started in, less those that this stripe
    /// has only seen the end of. Wraps.
    pub(super) young: [[AtomicU32; SPANS]; TIERS],

    pair_count: AtomicU32,
    pair_x: AtomicU64,
    pair_y: AtomicU64,
    pair_xx: AtomicU64,
    pair_xy: AtomicU64,

    failed: AtomicU32,
    late: AtomicU32,
    ignored: AtomicU32,
    cancelled: AtomicU32,
    /// Those of the cancelled that are known to be late.
    given_up: AtomicU32,
    /// Those of the answered that were overtaken.
    answered_overtaken: AtomicU32,
    outdated: AtomicU32,
    shed: [[AtomicU32; TIERS]; REASONS],
    /// Refused by the gate of the route's group, so not by this route.
    turned_away: [AtomicU32; TIERS],
    /// The part of `held` that is no latency: of everything but answers, and of the overtaken.
    held_in_vain: AtomicU64,
    last_failure: AtomicU64,
    /// Of failed calls: the counts in flight at their admission, their squares, and how long they
    /// took.
    failed_x: AtomicU64,
    failed_xx: AtomicU64,
    held_failed: AtomicU64,
}

/// A stripe on cache lines of its own: 128 bytes, because current processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded(pub(super) Stripe);

pub(crate) const TIERS: usize = Tier::ALL.len();
pub(crate) const REASONS: usize = Reason::ALL.len();
/// Spans of starts that are told apart at once.
pub(crate) const SPANS: usize = 8;

/// A stripe, and whether the caller is its only writer.
#[derive(Clone, Copy)]
pub(crate) struct Lane<'a> {
    pub(super) stripe: &'a Stripe,
    pub(super) own: bool,
}

/// What a finished call is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Succeeded,
    Failed,
    Late,
    Ignored,
    /// The client has left. How long the answer would have taken is not known.
    Cancelled,
    /// The same at the SLO or later, or nearly: that no answer came in time is known. Counted as
    /// cancelled.
    GivenUp,
    /// A failure of a request from before the latest success or close: it says nothing new.
    Outdated,
}

impl Verdict {
    /// The call has a latency.
    pub(super) const fn is_answer(self) -> bool {
        matches!(self, Self::Succeeded | Self::Late | Self::Ignored)
    }
}

impl Lane<'_> {
    // Relaxed throughout: every counter stands for itself, and readers tolerate that they run a
    // little apart.
    #[inline(always)]
    fn add(self, cell: &AtomicU64, by: u64) -> u64 {
        if self.own {
            let value = cell.load(Relaxed);
            cell.store(value.wrapping_add(by), Relaxed);
            value
        } else {
            cell.fetch_add(by, Relaxed)
        }
    }

    #[inline(always)]
    fn count(self, cell: &AtomicU32) -> u32 {
        if self.own {
            let value = cell.load(Relaxed);
            cell.store(value.wrapping_add(1), Relaxed);
            value
        } else {
            cell.fetch_add(1, Relaxed)
        }
    }

    /// Moves a time forward. On a shared stripe an older time may win a race: it is older by no
    /// more than the race.
    #[inline]
    fn stamp(cell: &AtomicU64, now: Mono) {
        cell.store(now.as_nanos(), Relaxed);
    }

    /// The number of this closer look: it differs from request to request and picks a place in the
    /// tier's band.
    pub(super) fn next_look(self) -> u64 {
        self.add(&self.stripe.looks, 1)
    }

    #[inline(always)]
    pub(super) fn admitted(self, tier: Tier, now: Mono, window_start: Mono, span: Option<usize>) {
        let tier = tier_index(tier);
        self.count(&self.stripe.admitted[tier]);
        // Overtaken at its admission: a clock that has gone back. The pulse puts that right.
        self.count(&self.stripe.young[tier][span.unwrap_or(0)]);
        self.add(&self.stripe.offsets, offset(now, window_start));
        Self::stamp(&self.stripe.last_admit, now);
    }

    /// A call of this span is in flight no more.
    #[inline(always)]
    pub(super) fn left(self, ticket: Ticket, span: usize) {
        let cell = &self.stripe.young[tier_index(ticket.tier)][span];
        if self.own {
            cell.store(cell.load(Relaxed).wrapping_sub(1), Relaxed);
        } else {
            cell.fetch_sub(1, Relaxed);
        }
    }

    #[inline]
    pub(super) fn shed(self, reason: Reason, tier: Tier) {
        self.count(&self.stripe.shed[reason_index(reason)][tier_index(tier)]);
    }

    #[inline]
    pub(super) fn turned_away(self, tier: Tier) {
        self.count(&self.stripe.turned_away[tier_index(tier)]);
    }

    /// `sample_mask` thins the pairs to about a thousand a second.
    #[inline(always)]
    pub(super) fn finished(
        self,
        verdict: Verdict,
        ticket: Ticket,
        now: Mono,
        window_start: Mono,
        sample_mask: u32,
    ) {
        let nth = self.ended(verdict, ticket, now, window_start);
        if verdict.is_answer() {
            let nanos = now.nanos_since(ticket.start);
            self.sample(nth & sample_mask == 0, ticket.mark.in_flight(), nanos);
        }
    }

    /// The same of a call that costs more, or has cost more: `alike` is how long a call of the usual
    /// weight would have taken.
    #[cold]
    pub(super) fn finished_weighed(
        self,
        verdict: Verdict,
        ticket: Ticket,
        now: Mono,
        window_start: Mono,
        alike: u64,
    ) {
        self.ended(verdict, ticket, now, window_start);
        if verdict.is_answer() {
            self.pair(ticket.mark.in_flight(), alike);
        }
    }

    /// The same of a call that was overtaken. How long it took, and with how many, says nothing of the
    /// service's usual work.
    #[cold]
    pub(super) fn finished_overtaken(self, verdict: Verdict, ticket: Ticket, now: Mono, window_start: Mono) {
        self.ended(verdict, ticket, now, window_start);
        if verdict.is_answer() {
            self.in_vain(&self.stripe.answered_overtaken, now.nanos_since(ticket.start));
        }
    }

    /// What a failure says beside its number: the crowd that it met, and after how long it came.
    #[inline]
    pub(super) fn failed_with(self, ticket: Ticket, now: Mono) {
        let (stripe, x) = (self.stripe, ticket.mark.in_flight());
        self.add(&stripe.failed_x, x);
        self.add(&stripe.failed_xx, x * x);
        self.add(&stripe.held_failed, now.nanos_since(ticket.start));
        Self::stamp(&stripe.last_failure, now);
    }

    /// Counts the end of a call, and gives back how many have ended so before.
    #[inline(always)]
    fn ended(self, verdict: Verdict, ticket: Ticket, now: Mono, window_start: Mono) -> u32 {
        let stripe = self.stripe;
        let nanos = now.nanos_since(ticket.start);
        self.add(&stripe.offsets, offset(now, window_start).wrapping_neg());
        self.add(&stripe.held, nanos);
        match verdict {
            Verdict::Succeeded => {
                Self::stamp(&stripe.last_alive, now);
                self.count(&stripe.succeeded)
            }
            Verdict::Late => {
                Self::stamp(&stripe.last_failure, now);
                self.count(&stripe.late)
            }
            Verdict::Ignored => {
                Self::stamp(&stripe.last_alive, now);
                self.count(&stripe.ignored)
            }
            Verdict::Failed => {
                self.failed_with(ticket, now);
                self.in_vain(&stripe.failed, nanos)
            }
            Verdict::Cancelled => self.in_vain(&stripe.cancelled, nanos),
            Verdict::GivenUp => {
                self.count(&stripe.given_up);
                self.in_vain(&stripe.cancelled, nanos)
            }
            Verdict::Outdated => self.in_vain(&stripe.outdated, nanos),
        }
    }

    #[inline(always)]
    fn sample(self, chosen: bool, in_flight: u64, nanos: u64) {
        if chosen {
            self.pair(in_flight, nanos);
        }
    }

    #[inline(never)]
    fn pair(self, x: u64, nanos: u64) {
        let stripe = self.stripe;
        self.count(&stripe.pair_count);
        self.add(&stripe.pair_x, x);
        self.add(&stripe.pair_y, nanos);
        self.add(&stripe.pair_xx, x * x);
        self.add(&stripe.pair_xy, x.wrapping_mul(nanos));
    }

    fn in_vain(self, counter: &AtomicU32, nanos: u64) -> u32 {
        self.add(&self.stripe.held_in_vain, nanos);
        self.count(counter)
    }
}

impl Stripe {
    pub(super) fn last_admit(&self) -> Mono {
        Mono::from_nanos(self.last_admit.load(Relaxed))
    }

    /// The same, and never where that is later than `now`: then it is forgotten.
    pub(super) fn last_admit_until(&self, now: Mono) -> Mono {
        let stamp = self.last_admit();
        if stamp <= now {
            return stamp;
        }
        // Whoever loses the exchange has met an admission, which is newer than this.
        let _ = self.last_admit.compare_exchange(stamp.as_nanos(), 0, Relaxed, Relaxed);
        Mono::ZERO
    }

    pub(super) fn last_alive(&self) -> Mono {
        Mono::from_nanos(self.last_alive.load(Relaxed))
    }

    /// When this stripe's writer last did anything.
    pub(super) fn last_move(&self) -> u64 {
        [&self.last_admit, &self.last_alive, &self.last_failure]
            .into_iter()
            .map(|at| at.load(Relaxed))
            .fold(0, u64::max)
    }

    /// Adds what this stripe has counted to a running sum.
    pub(super) fn add_to(&self, sum: &mut Reading) {
        let narrow = |total: &mut u32, cell: &AtomicU32| *total = total.wrapping_add(cell.load(Relaxed));
        let wide = |total: &mut u64, cell: &AtomicU64| *total = total.wrapping_add(cell.load(Relaxed));
        for (total, cell) in sum.admitted.iter_mut().zip(&self.admitted) {
            narrow(total, cell);
        }
        for (total, cell) in sum.shed.iter_mut().flatten().zip(self.shed.iter().flatten()) {
            narrow(total, cell);
        }
        for (total, cell) in sum.turned_away.iter_mut().zip(&self.turned_away) {
            narrow(total, cell);
        }
        narrow(&mut sum.succeeded, &self.succeeded);
        narrow(&mut sum.failed, &self.failed);
        narrow(&mut sum.late, &self.late);
        narrow(&mut sum.ignored, &self.ignored);
        narrow(&mut sum.cancelled, &self.cancelled);
        narrow(&mut sum.given_up, &self.given_up);
        narrow(&mut sum.answered_overtaken, &self.answered_overtaken);
        narrow(&mut sum.outdated, &self.outdated);
        narrow(&mut sum.pair_count, &self.pair_count);
        wide(&mut sum.offsets, &self.offsets);
        wide(&mut sum.held, &self.held);
        wide(&mut sum.held_in_vain, &self.held_in_vain);
        wide(&mut sum.failed_x, &self.failed_x);
        wide(&mut sum.failed_xx, &self.failed_xx);
        wide(&mut sum.held_failed, &self.held_failed);
        wide(&mut sum.pair_x, &self.pair_x);
        wide(&mut sum.pair_y, &self.pair_y);
        wide(&mut sum.pair_xx, &self.pair_xx);
        wide(&mut sum.pair_xy, &self.pair_xy);
        for stamp in [&self.last_alive, &self.last_failure] {
            sum.last_completion = sum.last_completion.max(Mono::from_nanos(stamp.load(Relaxed)));
        }
    }
}

/// Everything the stripes of a route have counted so far. Counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reading {
    pub(crate) admitted: [u32; TIERS],
    pub(crate) shed: [[u32; TIERS]; REASONS],
    pub(crate) turned_away: [u32; TIERS],
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) late: u32,
    pub(crate) ignored: u32,
    pub(crate) cancelled: u32,
    /// Those of the cancelled that are known to be late.
    pub(crate) given_up: u32,
    /// Those of the answered that were overtaken.
    pub(crate) answered_overtaken: u32,
    pub(crate) outdated: u32,
    pub(crate) pair_count: u32,
    /// Sum of the admissions' times minus the finishes', in nanoseconds of their windows.
    pub(crate) offsets: u64,
    /// Sum of how long every finished call was in flight, in nanoseconds.
    pub(crate) held: u64,
    /// The part of it that is no latency.
    pub(crate) held_in_vain: u64,
    pub(crate) failed_x: u64,
    pub(crate) failed_xx: u64,
    pub(crate) held_failed: u64,
    pub(crate) pair_x: u64,
    pub(crate) pair_y: u64,
    pub(crate) pair_xx: u64,
    pub(crate) pair_xy: u64,
    pub(crate) last_completion: Mono,
}

impl Reading {
    /// What was counted since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut turned_away = self.turned_away;
        for (now, then) in turned_away.iter_mut().zip(&earlier.turned_away) {
            *now = now.wrapping_sub(*then);
        }
        let mut shed = self.shed;
        for (now, then) in shed.iter_mut().flatten().zip(earlier.shed.iter().flatten()) {
            *now = now.wrapping_sub(*then);
        }
        let mut admitted = self.admitted;
        for (now, then) in admitted.iter_mut().zip(&earlier.admitted) {
            *now = now.wrapping_sub(*then);
        }
        Self {
            admitted,
            shed,
            turned_away,
            succeeded: self.succeeded.wrapping_sub(earlier.succeeded),
            failed: self.failed.wrapping_sub(earlier.failed),
            late: self.late.wrapping_sub(earlier.late),
            ignored: self.ignored.wrapping_sub(earlier.ignored),
            cancelled: self.cancelled.wrapping_sub(earlier.cancelled),
            given_up: self.given_up.wrapping_sub(earlier.given_up),
            answered_overtaken: self.answered_overtaken.wrapping_sub(earlier.answered_overtaken),
            outdated: self.outdated.wrapping_sub(earlier.outdated),
            pair_count: self.pair_count.wrapping_sub(earlier.pair_count),
            offsets: self.offsets.wrapping_sub(earlier.offsets),
            held: self.held.wrapping_sub(earlier.held),
            held_in_vain: self.held_in_vain.wrapping_sub(earlier.held_in_vain),
            failed_x: self.failed_x.wrapping_sub(earlier.failed_x),
            failed_xx: self.failed_xx.wrapping_sub(earlier.failed_xx),
            held_failed: self.held_failed.wrapping_sub(earlier.held_failed),
            pair_x: self.pair_x.wrapping_sub(earlier.pair_x),
            pair_y: self.pair_y.wrapping_sub(earlier.pair_y),
            pair_xx: self.pair_xx.wrapping_sub(earlier.pair_xx),
            pair_xy: self.pair_xy.wrapping_sub(earlier.pair_xy),
            last_completion: self.last_completion,
        }
    }

    pub(crate) fn admissions(&self) -> u64 {
        self.admitted.iter().map(|&n| u64::from(n)).sum()
    }

    /// Calls that came to an end in any way.
    pub(crate) fn finishes(&self) -> u64 {
        let ends = [self.succeeded, self.failed, self.late, self.ignored, self.cancelled, self.outdated];
        ends.into_iter().map(u64::from).sum()
    }

    /// Requests at the gate, by tier as in [`Tier::ALL`].
    pub(crate) fn offered(&self) -> [u32; TIERS] {
        let mut tiers = self.admitted;
        for by_tier in &self.shed {
            for (sum, count) in tiers.iter_mut().zip(by_tier) {
                *sum += count;
            }
        }
        tiers
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.shed.iter().flatten().map(|&n| u64::from(n)).sum()
    }
}

/// Nanoseconds from the window's start, as a wrapping number: a clock reading may lie a little
/// before it.
#[inline]
fn offset(now: Mono, window_start: Mono) -> u64 {
    now.as_nanos().wrapping_sub(window_start.as_nanos())
}

#[inline]
pub(crate) fn tier_index(tier: Tier) -> usize {
    match tier {
        Tier::Critical => 0,
        Tier::High => 1,
        Tier::Normal => 2,
        Tier::Low => 3,
        Tier::Bulk => 4,
    }
}

#[inline]
pub(crate) fn reason_index(reason: Reason) -> usize {
    Reason::ALL.iter().position(|&other| other == reason).unwrap_or(0)
}

#[cfg(all(test, not(atrion_loom)))]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_public_order() {
        for (i, tier) in Tier::ALL.into_iter().enumerate() {
            assert_eq!(tier_index(tier), i);
        }
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason_index(reason), i);
        }
    }

    #[test]
    fn differences_survive_a_counter_that_wraps() {
        let before = Reading { succeeded: u32::MAX, held: u64::MAX - 4, ..Reading::default() };
        let after = Reading { succeeded: 2, held: 5, ..Reading::default() };
        let delta = after.since(&before);
        assert_eq!((delta.succeeded, delta.held), (3, 10));
    }
}
