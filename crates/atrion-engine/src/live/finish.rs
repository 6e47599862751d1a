// SPDX-License-Identifier: Apache-2.0
//! Taking the verdict on a call back in: what is counted, what is owed, and what opens or closes
//! the breaker between two ticks.

use std::time::Duration;

use atrion_core::adaptive::probe::ProbeBucket;
use atrion_core::adaptive::{DeadRule, debt};
use atrion_core::{Mode, Mono, Outcome};

use super::control::Control;
use super::stripe::{Lane, Stripe, Verdict};
use super::sync::Ordering::{Acquire, Relaxed, Release};
use super::{Live, MILLIONTHS, Ticket};

/// A call that ends as the usual one does, and is not counted yet.
#[derive(Clone, Copy)]
pub(crate) struct Leaving<'a> {
    live: &'a Live,
    lane: Lane<'a>,
    unflushed: i64,
    span: usize,
}

impl Leaving<'_> {
    /// Counts the success. By the thread that has looked, before it looks again.
    #[inline(always)]
    pub(crate) fn succeed(self, ticket: Ticket, now: Mono) {
        let Self { live, lane, unflushed, span } = self;
        lane.stripe.unflushed.store(unflushed - 1, Relaxed);
        lane.left(ticket, span);
        let sample_mask = live.sample_mask.load(Relaxed);
        lane.finished(Verdict::Succeeded, ticket, now, live.window_start(), sample_mask);
    }
}

impl Live {
    /// Looks whether a success of this call, in time, ends in the usual way: on a route without
    /// failures to remember. As [`passing`](Self::passing) it counts nothing, and is inlined.
    #[inline(always)]
    pub(crate) fn leaving(&self, slot: usize, start: Mono) -> Option<Leaving<'_>> {
        let (lane, span) = (self.own_lane(slot)?, self.span_of(start)?);
        let control = Control(self.control.load(Acquire));
        let unflushed = lane.stripe.unflushed.load(Relaxed);
        let is_usual = self.run.load(Relaxed) == 0
            && self.debt.load(Relaxed) <= 0
            && control.mode() != Mode::CircuitBreaker
            && unflushed - 1 > -i64::from(self.batch.load(Relaxed));
        is_usual.then_some(Leaving { live: self, lane, unflushed, span })
    }

    /// A call that has taken so long is in time.
    #[inline(always)]
    pub(crate) fn is_in_time(&self, start: Mono, now: Mono) -> bool {
        now.nanos_since(start) <= self.slo.load(Relaxed)
    }

    /// Takes the verdict on a call back in. `None` is a permit that was dropped without one. Gives
    /// back what the call was counted as.
    pub(crate) fn finish(&self, slot: usize, ticket: Ticket, outcome: Option<Outcome>, now: Mono) -> Verdict {
        let (took, slo) = (now.nanos_since(ticket.start), self.slo.load(Relaxed));
        let late = took > slo;
        let verdict = match outcome {
            Some(Outcome::Success) if !late => Verdict::Succeeded,
            Some(Outcome::Success) => Verdict::Late,
            Some(Outcome::Failure) => Verdict::Failed,
            // A client whose time limit is the SLO has begun to wait before its request came here.
            None if slo != u64::MAX && took >= slo - slo / 10 => Verdict::GivenUp,
            Some(Outcome::Ignored) => Verdict::Ignored,
            None => Verdict::Cancelled,
        };
        self.settle(slot, ticket, verdict, now)
    }

    /// Counts a verdict, or that it says nothing new, and does what follows from it.
    pub(crate) fn settle(&self, slot: usize, ticket: Ticket, verdict: Verdict, now: Mono) -> Verdict {
        let lane = self.lane(slot);
        self.move_in_flight(lane, -(ticket.cost() as i64));
        let verdict = match verdict {
            Verdict::Late | Verdict::Failed | Verdict::GivenUp => self.unless_outdated(ticket, now, verdict),
            other => other,
        };
        let span = self.span_of(ticket.start);
        let verdict = match verdict {
            // Of an overtaken call that is no news, and its end says nothing of the callee.
            Verdict::GivenUp if span.is_none() && ticket.units == 0 => Verdict::Cancelled,
            other => other,
        };
        if ticket.units != 0 {
            lane.finished_weighed(
                verdict,
                ticket,
                now,
                self.window_start(),
                self.alike(ticket, now.nanos_since(ticket.start)),
            );
            self.weigh_end(ticket, verdict, now);
        } else if let Some(span) = span {
            lane.left(ticket, span);
            lane.finished(verdict, ticket, now, self.window_start(), self.sample_mask.load(Relaxed));
        } else {
            self.one_overtaken_less(ticket);
            lane.finished_overtaken(verdict, ticket, now, self.window_start());
        }
        match verdict {
            // That it was late is known since it was overtaken.
            Verdict::Late if span.is_none() && ticket.units == 0 => {}
            Verdict::Succeeded => self.on_success(ticket, now),
            Verdict::Failed | Verdict::Late | Verdict::GivenUp => self.on_failure(verdict, ticket, now),
            Verdict::Ignored => self.on_sign_of_life(ticket, now),
            Verdict::Cancelled | Verdict::Outdated => {}
        }
        // No touch: a route with something in flight stays touched.
        verdict
    }

    /// Causal evidence: a failure of a request from before the latest success of an open breaker,
    /// or from before its closing, says nothing new.
    pub(super) fn unless_outdated(&self, ticket: Ticket, now: Mono, verdict: Verdict) -> Verdict {
        let floor = self.evidence_floor.load(Acquire);
        // A floor of the future is of a clock that has gone back since.
        if ticket.start.as_nanos() < floor && floor <= now.as_nanos() { Verdict::Outdated } else { verdict }
    }

    #[inline]
    pub(super) fn on_success(&self, ticket: Ticket, now: Mono) {
        // In health both are zero and their lines are only read.
        if self.run.load(Relaxed) != 0 {
            self.run.store(0, Relaxed);
        }
        if self.debt.load(Relaxed) > 0 {
            self.take_off_debt((debt::REPAYMENT * MILLIONTHS * ticket.cost() as f64) as i64);
        }
        self.on_sign_of_life(ticket, now);
    }

    /// Any answer closes an open breaker, also one that says nothing of health. Such a one pays no
    /// debt and ends no run of failures, or a flood of bad requests would hide that every good one
    /// fails.
    #[inline]
    fn on_sign_of_life(&self, ticket: Ticket, now: Mono) {
        let control = Control(self.control.load(Acquire));
        if control.mode() == Mode::CircuitBreaker {
            self.on_answer_while_open(control, ticket, now);
        }
    }

    #[cold]
    pub(super) fn on_answer_while_open(&self, control: Control, ticket: Ticket, now: Mono) {
        // Not the latest of all: what a clock has stamped that went back since would hold for ever.
        self.evidence_floor.store(now.as_nanos(), Release);
        let generation = control.generation();
        let since_the_opening = ticket.mark.generation() == generation;
        if since_the_opening && self.count_answer(generation) >= self.successes_to_close.load(Relaxed) {
            self.close(generation);
        }
    }

    /// How many answers this opening has seen, this one included.
    pub(super) fn count_answer(&self, generation: u32) -> u32 {
        let mut word = self.successes.load(Relaxed);
        loop {
            let seen = if (word >> 32) as u32 == generation { word as u32 } else { 0 };
            let next = seen.saturating_add(1);
            let tagged = u64::from(generation) << 32 | u64::from(next);
            match self.successes.compare_exchange(word, tagged, Relaxed, Relaxed) {
                Ok(_) => return next,
                Err(current) => word = current,
            }
        }
    }

    #[cold]
    pub(super) fn on_failure(&self, verdict: Verdict, ticket: Ticket, now: Mono) {
        // Read first: a run that was counted before a closing must not open what has closed.
        let control = self.control();
        if control.mode() == Mode::CircuitBreaker && ticket.mark.generation() == control.generation() {
            self.probe_failed(now.since(ticket.start));
        }
        if verdict == Verdict::Failed {
            let each = i64::from(self.debt_gain.load(Relaxed));
            self.debt.fetch_add(each * ticket.cost() as i64, Relaxed);
        }
        let run = self.run.fetch_add(1, Relaxed).saturating_add(1);
        self.open_if_dead(control, run, now);
    }

    /// What a probe's failure says about the pace of the next ones.
    pub(super) fn probe_failed(&self, took: Duration) {
        let bits = self.probes.load(Relaxed);
        let next = ProbeBucket::from_bits(bits).after_failure(took).bits();
        // A failure that loses the exchange leaves it to the next one.
        let _ = self.probes.compare_exchange(bits, next, Relaxed, Relaxed);
    }

    /// Failures and late calls since the latest answer in time.
    pub(crate) fn failures_in_a_row(&self) -> u32 {
        self.run.load(Relaxed)
    }

    /// The dead rule, looked at on every failure and tick.
    pub(crate) fn open_if_dead_now(&self, now: Mono) -> bool {
        let control = self.control();
        self.open_if_dead(control, self.run.load(Relaxed), now)
    }

    pub(super) fn open_if_dead(&self, control: Control, run: u32, now: Mono) -> bool {
        let rule = DeadRule {
            after: self.dead_after.load(Relaxed).saturating_add(self.by_chance.load(Relaxed)),
            silence: Duration::from_nanos(self.dead_silence.load(Relaxed)),
        };
        let mode = control.mode();
        // The cheap half first: looking for the latest success reads every stripe.
        if !rule.holds(mode, run, Duration::MAX) {
            return false;
        }
        let latest = self.latest(self.born, now, Stripe::last_alive).max(self.awake_since(now));
        rule.holds(mode, run, now.since(latest)) && self.open(control.generation(), now)
    }

    /// Where the pulse is away, nobody may have been there: the process stood still, and no success
    /// could be counted. Silence begins with the first failure that asks then.
    fn awake_since(&self, now: Mono) -> Mono {
        let Some(missed) = self.heartbeat.missed_since(now) else { return Mono::ZERO };
        let woke = self.woke.load(Relaxed);
        // From an earlier absence, or of a clock that has gone back since.
        if woke <= missed.as_nanos() || woke > now.as_nanos() {
            // Who loses the exchange has met another that asked in the same instant.
            let _ = self.woke.compare_exchange(woke, now.as_nanos(), Relaxed, Relaxed);
            return now;
        }
        Mono::from_nanos(woke)
    }

    /// The latest of `first` and a stamp of every stripe. Stamps of the future are of a clock that
    /// has gone back since.
    pub(super) fn latest(&self, first: Mono, now: Mono, stamp: impl Fn(&Stripe) -> Mono) -> Mono {
        let mut latest = if first <= now { first } else { Mono::ZERO };
        self.each_stripe(|stripe| {
            let stamp = stamp(stripe);
            if stamp <= now {
                latest = latest.max(stamp);
            }
        });
        latest
    }

    /// Takes `price` millionths off the debt, and no more than there is. Two steps instead of a
    /// loop: no thread waits for another.
    pub(super) fn take_off_debt(&self, price: i64) {
        let before = self.debt.fetch_sub(price, Relaxed);
        if before < price {
            self.debt.fetch_add(price - before.max(0), Relaxed);
        }
    }
}
