// SPDX-License-Identifier: Apache-2.0
//! The live side of a route: all that a request touches, and the one home of atomics.
//!
//! A request reads the control word, the gate and the in-flight count, and writes counters of its own thread. It
//! never locks, waits or allocates. The pulse publishes a new gate every tick; only three things change between
//! ticks, because they must not wait for one: debt, the opening of a dead route, and its closing by a probe.
//!
//! # The in-flight count
//!
//! One shared counter would be the one contended line of the hot path. A busy route therefore keeps changes per thread
//! and flushes them at plus or minus `batch`, which grows with N* and is 1 while N* is small. What may be unflushed in
//! sum is the `margin`. A decision outside the margin is certain without looking further; inside it the stripes are
//! summed up. So a decision is always taken on an exact sum; what remains is the race of every concurrent gate:
//! threads that decide at the same instant do not see each other. Why all this: `docs/adr/0002-counting-per-thread.md`.
//!
//! Invariant: the in-flight count that a decision sees differs from the true one by at most one for each thread that
//! is inside `admit` or `finish` at that instant (`batch` for one that is between the two steps of a flush), plus
//! `batch - 1` for each other thread that first shows up in this tick.

mod control;
mod published;
mod stripe;
mod sync;

#[cfg(all(test, atrion_loom))]
mod loom_tests;

use std::sync::OnceLock;
use std::time::Duration;

use atrion_core::adaptive::probe::{ProbeBucket, longest_silence};
use atrion_core::adaptive::{DeadRule, debt};
use atrion_core::{Gate, Ladder, Mode, Mono, Ohms, Outcome, Priority, Reason, Spread, Terms, Tier, Volts};

pub(crate) use control::{Control, Force};
pub(crate) use stripe::{REASONS, Reading, TIERS, reason_index, tier_index};

use published::PublishedTerms;
use stripe::{Lane, Padded, Stripe, Verdict};
use sync::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    fence,
};

/// See the module's text.
///
/// In groups, by who writes how often: lines that every request reads must not share a line with what requests write.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Live {
    // Read by every request, written by the pulse and by transitions.
    control: AtomicU64,
    gate: [AtomicU64; 2],
    slo: AtomicU64,
    /// When the pulse last looked: times of requests are summed up from here.
    window_start: AtomicU64,
    cap: AtomicU32,
    batch: AtomicU32,
    margin: AtomicU32,
    sample_mask: AtomicU32,
    /// Under so many in flight a request of the tier passes whatever its place in the band, margin and all.
    certain: [AtomicI32; TIERS],
    stripes: Stripes,

    // Read by every request; written only by flushes, failures and the first request after a quiet time.
    in_flight: InFlight,
    /// Debt D in millionths of a slot.
    debt: AtomicI64,
    /// Failures since the latest success.
    run: AtomicU32,
    /// Something has happened that the pulse has not looked at to the end.
    touched: AtomicBool,
    /// A failure of a request that started before this moment says nothing new.
    evidence_floor: AtomicU64,

    // For refusals, failures and transitions.
    probes: AtomicU64,
    /// The latest admission that a refused request has noticed.
    last_pass: AtomicU64,
    /// The first word of the gate of a healthy route: what a closing publishes without waiting for the tick.
    healthy: AtomicU64,
    /// The same of a dead route: what an opening publishes.
    broken: AtomicU64,
    debt_gain: AtomicU32,
    scar_decay: AtomicU32,
    dead_after: AtomicU32,
    successes_to_close: AtomicU32,
    dead_silence: AtomicU64,
    /// Successes of probes, under the generation of their opening.
    successes: AtomicU64,
    terms: PublishedTerms,
    born: Mono,
    base: Stripe,
}

/// The shared count starts a line of its own, away from what every request reads and nobody writes.
#[derive(Debug, Default)]
#[repr(align(64))]
struct InFlight(AtomicI64);

/// What the pulse publishes for one tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publication {
    pub(crate) gate: Gate,
    pub(crate) healthy: Gate,
    pub(crate) terms: Terms,
    pub(crate) debt_gain: f64,
}

/// What a route's configuration says to its live side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) slo: Option<Duration>,
    /// lambda, per second: for the retry hint.
    pub(crate) scar_decay: f64,
    pub(crate) cap: Option<u32>,
    pub(crate) dead: DeadRule,
    pub(crate) successes_to_close: u32,
    /// The gate of a route whose breaker has just opened.
    pub(crate) broken: Gate,
    pub(crate) shadow: bool,
    pub(crate) spread: Spread,
}

/// What an admitted request carries: two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) start: Mono,
    generation: u32,
    in_flight: u32,
}

impl Ticket {
    #[inline(always)]
    fn new(start: Mono, control: Control, in_flight: i64) -> Self {
        // More than a million in flight teach no more than a million do.
        Self { start, generation: control.generation(), in_flight: in_flight.clamp(0, 1 << 20) as u32 }
    }
}

/// What a refused request met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) volts: Volts,
    pub(crate) tier: Tier,
    pub(crate) mode: Mode,
    pub(crate) in_flight: u64,
    pub(crate) debt: f64,
    pub(crate) gate: Gate,
}

/// The most that is kept unflushed by one thread, however large N* is.
const MOST_UNFLUSHED: u32 = 64;
const MILLIONTHS: f64 = 1e6;

impl Live {
    pub(crate) fn new(
        mode: Mode,
        first: &Publication,
        settings: &Settings,
        ladder: &Ladder,
        now: Mono,
    ) -> Self {
        let [rest, target] = first.gate.to_words();
        let live = Self {
            control: AtomicU64::new(Control::new(mode).0),
            gate: [AtomicU64::new(rest), AtomicU64::new(target)],
            healthy: AtomicU64::new(first.healthy.to_words()[0]),
            broken: AtomicU64::new(settings.broken.to_words()[0]),
            slo: AtomicU64::new(u64::MAX),
            window_start: AtomicU64::new(now.as_nanos()),
            cap: AtomicU32::new(u32::MAX),
            batch: AtomicU32::new(1),
            margin: AtomicU32::new(0),
            sample_mask: AtomicU32::new(0),
            certain: Default::default(),
            in_flight: InFlight::default(),
            debt: AtomicI64::new(0),
            debt_gain: AtomicU32::new(0),
            scar_decay: AtomicU32::new(0),
            run: AtomicU32::new(0),
            dead_after: AtomicU32::new(u32::MAX),
            dead_silence: AtomicU64::new(u64::MAX),
            successes_to_close: AtomicU32::new(1),
            successes: AtomicU64::new(0),
            evidence_floor: AtomicU64::new(0),
            probes: AtomicU64::new(0),
            last_pass: AtomicU64::new(now.as_nanos()),
            touched: AtomicBool::new(false),
            terms: PublishedTerms::default(),
            born: now,
            base: Stripe::default(),
            stripes: Stripes::default(),
        };
        live.configure(settings);
        live.publish(first, ladder);
        live
    }

    // ---- admit -----------------------------------------------------------------------------------------------

    /// Lets the usual request through. `slot` is the calling thread's number.
    ///
    /// Only the usual case stands here, small enough to be inlined into the caller and to be answered in registers: a
    /// thread with a stripe of its own, on a route that is not near its limit. `None` says nothing but that it takes
    /// [`admit_with_care`](Self::admit_with_care).
    #[inline(always)]
    pub(crate) fn admit_at_once(&self, slot: usize, priority: Priority, now: Mono) -> Option<Ticket> {
        if let Some(tier) = priority.tier_of_band()
            && let Some(lane) = self.own_lane(slot)
        {
            // Acquire: whoever sees a closing sees the evidence floor and the cleared debt that came before it.
            let control = Control(self.control.load(Acquire));
            let shared = self.in_flight.0.load(Relaxed);
            let unflushed = lane.stripe.unflushed.load(Relaxed);
            if !control.is_exceptional()
                && shared + unflushed < i64::from(self.certain[tier_index(tier)].load(Relaxed))
                && self.debt.load(Relaxed) <= 0
                && unflushed + 1 < i64::from(self.batch.load(Relaxed))
            {
                lane.stripe.unflushed.store(unflushed + 1, Relaxed);
                lane.admitted(tier, now, self.window_start());
                self.touch();
                return Some(Ticket::new(now, control, shared + unflushed));
            }
        }
        None
    }

    /// Decides on any request.
    pub(crate) fn admit_with_care(
        &self,
        slot: usize,
        priority: Priority,
        now: Mono,
        ladder: &Ladder,
    ) -> Result<Ticket, Refused> {
        let lane = self.lane(slot);
        let control = Control(self.control.load(Acquire));
        if let Some(tier) = priority.tier_of_band()
            && !control.is_exceptional()
            && self.near_in_flight(lane) < i64::from(self.certain[tier_index(tier)].load(Relaxed))
            && self.debt.load(Relaxed) <= 0
        {
            return Ok(self.enter(lane, tier, control, now));
        }
        self.look_closer(slot, lane, control, priority, now, ladder)
    }

    /// The whole law, with the request's own voltage.
    fn look_closer(
        &self,
        slot: usize,
        lane: Lane<'_>,
        control: Control,
        priority: Priority,
        now: Mono,
        ladder: &Ladder,
    ) -> Result<Ticket, Refused> {
        let look = lane.next_look().wrapping_add((slot as u64) << 40);
        let volts = priority.resolve(control.spread(), Priority::epoch(now), look);
        let tier = priority.counted_as();
        if !control.is_exceptional() {
            let slots = self.gate().slots(volts, ladder);
            let cap = self.cap.load(Relaxed);
            if self.fits(lane, slots, cap) {
                return Ok(self.enter(lane, tier, control, now));
            }
        }
        self.refuse_or_probe(lane, control, volts, tier, now)
    }

    /// `n + D < slots` and `n < cap`.
    fn fits(&self, lane: Lane<'_>, slots: f32, cap: u32) -> bool {
        let debt = self.debt.load(Relaxed);
        let owed = if debt > 0 { debt as f32 * (1.0 / MILLIONTHS as f32) } else { 0.0 };
        let margin = i64::from(self.margin.load(Relaxed));
        let near = self.near_in_flight(lane);
        let cap_holds = |n: i64| cap == u32::MAX || n < i64::from(cap);
        let holds = |n: i64| (n.max(0) as f32) + owed < slots && cap_holds(n);
        if margin == 0 {
            return holds(near);
        }
        if holds(near + margin) {
            true
        } else if !holds(near - margin) {
            false
        } else {
            holds(self.exact_in_flight_signed())
        }
    }

    #[inline]
    fn enter(&self, lane: Lane<'_>, tier: Tier, control: Control, now: Mono) -> Ticket {
        let before = self.move_in_flight(lane, 1);
        lane.admitted(tier, now, self.window_start());
        self.touch();
        Ticket::new(now, control, before)
    }

    /// Everything but the plain yes. Cold: it may look at every stripe.
    #[cold]
    fn refuse_or_probe(
        &self,
        lane: Lane<'_>,
        control: Control,
        volts: Volts,
        tier: Tier,
        now: Mono,
    ) -> Result<Ticket, Refused> {
        let in_flight = self.exact_in_flight();
        let reason = match (control.force(), control.mode()) {
            (Force::Closed, _) => return Ok(self.enter(lane, tier, control, now)),
            (Force::Open, _) => Reason::ForcedOpen,
            (Force::None, Mode::CircuitBreaker) => {
                if self.take_probe(now, in_flight, volts) {
                    return Ok(self.enter(lane, tier, control, now));
                }
                Reason::BreakerOpen
            }
            (Force::None, Mode::Bootstrap | Mode::Operational) => {
                if self.take_silence(now, in_flight) {
                    return Ok(self.enter(lane, tier, control, now));
                }
                self.reason(volts, in_flight)
            }
        };
        lane.shed(reason, tier);
        self.touch();
        if control.is_shadow() {
            return Ok(self.enter(lane, tier, control, now));
        }
        let (mode, debt, gate) = (control.mode(), self.debt(), self.gate());
        Err(Refused { reason, volts, tier, mode, in_flight, debt, gate })
    }

    fn reason(&self, volts: Volts, in_flight: u64) -> Reason {
        // What a caller reports of saturation is part of the gate at rest and no scar.
        if volts.get() as f32 <= self.gate().rest() && volts.get() <= self.terms().at_rest() {
            Reason::Scarred
        } else if in_flight >= u64::from(self.cap.load(Relaxed)) {
            Reason::AtCap
        } else {
            Reason::Saturated
        }
    }

    /// A token of the open breaker's bucket.
    fn take_probe(&self, now: Mono, in_flight: u64, volts: Volts) -> bool {
        let bits = self.probes.load(Relaxed);
        // Whoever loses the exchange has seen somebody else take the token: it was not its turn. Release: an opener that
        // sees a token gone sees that the breaker is open.
        ProbeBucket::from_bits(bits)
            .take(now, in_flight, volts)
            .is_some_and(|left| self.probes.compare_exchange(bits, left.bits(), Release, Relaxed).is_ok())
    }

    /// The right to pass because nobody has for too long.
    fn take_silence(&self, now: Mono, in_flight: u64) -> bool {
        let limit = longest_silence(in_flight);
        let noticed = self.last_pass.load(Relaxed);
        if noticed > now.as_nanos() {
            // The clock has gone back. Silence counts from now on, or nobody would pass until it has caught up.
            let _ = self.last_pass.compare_exchange(noticed, now.as_nanos(), Relaxed, Relaxed);
            return false;
        }
        if now.since(Mono::from_nanos(noticed)) < limit {
            return false;
        }
        let latest = self.latest(Mono::from_nanos(noticed), now, Stripe::last_admit);
        if now.since(latest) < limit {
            // Remember it, so that the stripes are not looked at again before the limit has passed once more.
            self.last_pass.fetch_max(latest.as_nanos(), Relaxed);
            return false;
        }
        self.last_pass.compare_exchange(noticed, now.as_nanos(), Relaxed, Relaxed).is_ok()
    }

    // ---- finish ----------------------------------------------------------------------------------------------

    /// Takes the verdict on a call back in. `None` is a permit that was dropped without one.
    ///
    /// As with [`admit_at_once`](Self::admit_at_once), only the usual case is inlined: a success in time, on a route without failures to
    /// remember.
    #[inline(always)]
    pub(crate) fn finish(&self, slot: usize, ticket: Ticket, outcome: Option<Outcome>, now: Mono) {
        if outcome == Some(Outcome::Success)
            && let Some(lane) = self.own_lane(slot)
        {
            let control = Control(self.control.load(Acquire));
            let unflushed = lane.stripe.unflushed.load(Relaxed);
            if now.nanos_since(ticket.start) <= self.slo.load(Relaxed)
                && self.run.load(Relaxed) == 0
                && self.debt.load(Relaxed) <= 0
                && control.mode() != Mode::CircuitBreaker
                && unflushed - 1 > -i64::from(self.batch.load(Relaxed))
            {
                lane.stripe.unflushed.store(unflushed - 1, Relaxed);
                let (start, in_flight) = (ticket.start, ticket.in_flight);
                let sampled = self.sample_mask.load(Relaxed);
                lane.finished(Verdict::Succeeded, start, now, self.window_start(), in_flight, sampled);
                return;
            }
        }
        self.finish_with_care(slot, ticket, outcome, now);
    }

    #[inline(never)]
    fn finish_with_care(&self, slot: usize, ticket: Ticket, outcome: Option<Outcome>, now: Mono) {
        let lane = self.lane(slot);
        self.move_in_flight(lane, -1);
        let late = now.nanos_since(ticket.start) > self.slo.load(Relaxed);
        let verdict = match outcome {
            Some(Outcome::Success) if !late => Verdict::Succeeded,
            Some(Outcome::Success) => self.unless_outdated(ticket, now, Verdict::Late),
            Some(Outcome::Failure) => self.unless_outdated(ticket, now, Verdict::Failed),
            None if late => self.unless_outdated(ticket, now, Verdict::Late),
            Some(Outcome::Ignored) => Verdict::Ignored,
            None => Verdict::Cancelled,
        };
        lane.finished(
            verdict,
            ticket.start,
            now,
            self.window_start(),
            ticket.in_flight,
            self.sample_mask.load(Relaxed),
        );
        match verdict {
            Verdict::Succeeded => self.on_success(ticket, now),
            Verdict::Failed | Verdict::Late => self.on_failure(verdict, now),
            Verdict::Ignored | Verdict::Cancelled | Verdict::Outdated => {}
        }
        // No touch: a route with something in flight stays touched.
    }

    /// Causal evidence: a failure of a request from before the latest success of an open breaker, or from before its
    /// closing, says nothing new.
    fn unless_outdated(&self, ticket: Ticket, now: Mono, verdict: Verdict) -> Verdict {
        let floor = self.evidence_floor.load(Acquire);
        // A floor of the future is of a clock that has gone back since.
        if ticket.start.as_nanos() < floor && floor <= now.as_nanos() { Verdict::Outdated } else { verdict }
    }

    #[inline]
    fn on_success(&self, ticket: Ticket, now: Mono) {
        // In health both are zero and their lines are only read.
        if self.run.load(Relaxed) != 0 {
            self.run.store(0, Relaxed);
        }
        if self.debt.load(Relaxed) > 0 {
            self.take_off_debt((debt::REPAYMENT * MILLIONTHS) as i64);
        }
        let control = Control(self.control.load(Acquire));
        if control.mode() == Mode::CircuitBreaker {
            self.on_success_while_open(control, ticket, now);
        }
    }

    #[cold]
    fn on_success_while_open(&self, control: Control, ticket: Ticket, now: Mono) {
        // Not the latest of all: what a clock has stamped that went back since would hold for ever.
        self.evidence_floor.store(now.as_nanos(), Release);
        let generation = control.generation();
        let since_the_opening = ticket.generation == generation;
        if since_the_opening && self.count_success(generation) >= self.successes_to_close.load(Relaxed) {
            self.close(generation);
        }
    }

    /// How many successes this opening has seen, this one included.
    fn count_success(&self, generation: u32) -> u32 {
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
    fn on_failure(&self, verdict: Verdict, now: Mono) {
        // Read first: a run that was counted before a closing must not open what has closed.
        let control = self.control();
        if verdict == Verdict::Failed {
            self.debt.fetch_add(i64::from(self.debt_gain.load(Relaxed)), Relaxed);
        }
        let run = self.run.fetch_add(1, Relaxed).saturating_add(1);
        self.open_if_dead(control, run, now);
    }

    /// The dead rule, looked at on every failure and tick.
    pub(crate) fn open_if_dead_now(&self, now: Mono) -> bool {
        let control = self.control();
        self.open_if_dead(control, self.run.load(Relaxed), now)
    }

    fn open_if_dead(&self, control: Control, run: u32, now: Mono) -> bool {
        let rule = DeadRule {
            after: self.dead_after.load(Relaxed),
            silence: Duration::from_nanos(self.dead_silence.load(Relaxed)),
        };
        let mode = control.mode();
        // The cheap half first: looking for the latest success reads every stripe.
        if !rule.holds(mode, run, Duration::MAX) {
            return false;
        }
        let latest = self.latest(self.born, now, Stripe::last_success);
        rule.holds(mode, run, now.since(latest)) && self.open(control.generation(), now)
    }

    /// The latest of `first` and a stamp of every stripe. Stamps of the future are of a clock that has gone back since.
    fn latest(&self, first: Mono, now: Mono, stamp: impl Fn(&Stripe) -> Mono) -> Mono {
        let mut latest = if first <= now { first } else { Mono::ZERO };
        self.each_stripe(|stripe| {
            let stamp = stamp(stripe);
            if stamp <= now {
                latest = latest.max(stamp);
            }
        });
        latest
    }

    /// Takes so many millionths off the debt, and no more than there is. Two steps instead of a loop: nobody waits for
    /// anybody.
    fn take_off_debt(&self, price: i64) {
        let before = self.debt.fetch_sub(price, Relaxed);
        if before < price {
            self.debt.fetch_add(price - before.max(0), Relaxed);
        }
    }

    // ---- transitions -----------------------------------------------------------------------------------------

    // A transition names the generation that it was decided in. If somebody else has opened or closed since, it knew
    // less than they did, and does nothing.

    /// Opens the breaker with a full bucket of probes. True if this call did.
    pub(crate) fn open(&self, generation: u32, now: Mono) -> bool {
        // Acquire, and read before the word: if a token of this opening is gone already, the word shows the opening.
        let bits = self.probes.load(Acquire);
        let control = self.control();
        if control.generation() != generation || control.mode() == Mode::CircuitBreaker {
            return false;
        }
        // An exchange, because another opener may have filled it, and a request may have taken from that.
        let full = ProbeBucket::full(now).bits();
        let _ = self.probes.compare_exchange(bits, full, Relaxed, Relaxed);
        self.gate[0].store(self.broken.load(Relaxed), Relaxed);
        self.change_mode(generation, Mode::CircuitBreaker)
    }

    /// Closes the breaker: everything that remembers the outage is cleared before anyone can see the new mode. True if
    /// this call did.
    pub(crate) fn close(&self, generation: u32) -> bool {
        if self.control().generation() != generation {
            return false;
        }
        self.run.store(0, Relaxed);
        self.debt.store(0, Relaxed);
        self.forget_the_outage();
        let closed = self.change_mode(generation, Mode::Operational);
        if closed {
            // A tick that had not heard of it may have published in between. If it does so after this, it hears of it:
            // the fence pairs with the one in `has_moved_on`.
            fence(SeqCst);
            self.forget_the_outage();
        }
        closed
    }

    /// The gate of health, and no debt for failures: none of those that taught their price count any more.
    fn forget_the_outage(&self) {
        self.debt_gain.store(0, Relaxed);
        self.gate[0].store(self.healthy.load(Relaxed), Relaxed);
    }

    /// Somebody has opened or closed since `generation`: what was published for it is of another world.
    pub(crate) fn has_moved_on(&self, generation: u32) -> bool {
        fence(SeqCst);
        self.control().generation() != generation
    }

    /// Clears what requests remember of failures, whatever the mode; what started before says nothing new.
    pub(crate) fn forgive(&self, now: Mono) {
        self.evidence_floor.store(now.as_nanos(), Release);
        self.run.store(0, Relaxed);
        self.debt.store(0, Relaxed);
        self.touch();
    }

    /// True if this call made the change.
    pub(crate) fn change_mode(&self, generation: u32, mode: Mode) -> bool {
        self.update_control(
            |control| {
                if control.generation() == generation { control.to_mode(mode) } else { control }
            },
        )
    }

    pub(crate) fn force(&self, force: Force) {
        self.update_control(|control| control.with_force(force));
        self.touch();
    }

    /// AcqRel: what was cleared before a transition is seen by whoever sees the transition.
    fn update_control(&self, change: impl Fn(Control) -> Control) -> bool {
        let mut word = self.control.load(Acquire);
        loop {
            let next = change(Control(word)).0;
            if next == word {
                return false;
            }
            match self.control.compare_exchange(word, next, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(current) => word = current,
            }
        }
    }

    // ---- the pulse's side ------------------------------------------------------------------------------------

    pub(crate) fn publish(&self, publication: &Publication, ladder: &Ladder) {
        let [rest, target] = publication.gate.to_words();
        // Relaxed: a request that sees one word of each tick decides by a mixture of two neighbouring gates.
        self.gate[0].store(rest, Relaxed);
        self.gate[1].store(target, Relaxed);
        self.healthy.store(publication.healthy.to_words()[0], Relaxed);
        self.debt_gain.store((publication.debt_gain.clamp(0.0, 1.0) * MILLIONTHS) as u32, Relaxed);
        self.terms.publish(&publication.terms);
        self.set_certain(ladder);
    }

    pub(crate) fn configure(&self, settings: &Settings) {
        // The next tick says what is certain under the new settings.
        for certain in &self.certain {
            certain.store(0, Relaxed);
        }
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.slo.store(settings.slo.map_or(u64::MAX, nanos), Relaxed);
        self.broken.store(settings.broken.to_words()[0], Relaxed);
        self.scar_decay.store((settings.scar_decay as f32).to_bits(), Relaxed);
        self.cap.store(settings.cap.unwrap_or(u32::MAX), Relaxed);
        self.dead_after.store(settings.dead.after, Relaxed);
        self.dead_silence.store(nanos(settings.dead.silence), Relaxed);
        self.successes_to_close.store(settings.successes_to_close, Relaxed);
        self.update_control(|control| control.with_settings(settings.shadow, settings.spread));
    }

    /// Nothing is owed from before the closing that the tick has just heard of.
    pub(crate) fn forget_debt(&self) {
        self.debt.store(0, Relaxed);
    }

    /// Heals debt by what the tick has decided, keeping what was added or paid meanwhile.
    pub(crate) fn relax_debt(&self, read: f64, relaxed: f64) {
        let healed = ((read - relaxed).max(0.0) * MILLIONTHS) as i64;
        if healed > 0 {
            self.take_off_debt(healed);
        }
    }

    /// Sets how coarsely threads may count until the next tick, and how the pairs are thinned. `last_moves` remembers
    /// what each stripe had when this was last called.
    pub(crate) fn set_pace(
        &self,
        target: f64,
        completions_per_second: f64,
        last_moves: &mut Vec<u64>,
        ladder: &Ladder,
    ) {
        let stripes = self.stripes.get();
        last_moves.resize(stripes.len(), 0);
        let was_active = |stripe: &Padded, before: &u64| stripe.0.last_move() != *before;
        let active =
            stripes.iter().zip(&*last_moves).filter(|(stripe, before)| was_active(stripe, before)).count();
        let batch = if stripes.is_empty() { 1 } else { batch(target, active) };
        self.batch.store(batch, Relaxed);
        let mut margin = 0;
        for (stripe, before) in stripes.iter().zip(last_moves) {
            // What an idle thread has left unflushed counts as it is; an active one may have a batch less one.
            let left = stripe.0.unflushed.load(Relaxed).unsigned_abs();
            let next = if was_active(stripe, before) { u64::from(batch - 1) } else { 0 };
            margin += left.max(next);
            *before = stripe.0.last_move();
        }
        self.margin.store(u32::try_from(margin).unwrap_or(u32::MAX), Relaxed);
        self.set_certain(ladder);
        let thinning = (completions_per_second / 1000.0).clamp(1.0, 1e6) as u32;
        self.sample_mask.store(thinning.next_power_of_two() - 1, Relaxed);
    }

    /// Solves the gate for the lower end of every tier's band. What a request finds under it needs no closer look.
    fn set_certain(&self, ladder: &Ladder) {
        let (gate, cap, margin) = (self.gate(), self.cap.load(Relaxed), self.margin.load(Relaxed) as f32);
        for (tier, certain) in Tier::ALL.into_iter().zip(&self.certain) {
            let slots = gate.slots(Volts::saturating(tier.band().0), ladder);
            // A count is under a bound if it is under the next whole number; the cast saturates.
            let bound = if cap == u32::MAX { slots.ceil() } else { slots.ceil().min(cap as f32) };
            certain.store((bound - margin) as i32, Relaxed);
        }
    }

    /// Gives the route a stripe for each thread slot. Only ever done once, by the pulse.
    pub(crate) fn stripe(&self, slots: usize) {
        self.stripes.grow(slots);
    }

    pub(crate) fn is_striped(&self) -> bool {
        !self.stripes.get().is_empty()
    }

    /// Relaxed: a request that still sees the old start counts its time from there, a window's length off at most.
    #[inline]
    pub(crate) fn window_start(&self) -> Mono {
        Mono::from_nanos(self.window_start.load(Relaxed))
    }

    pub(crate) fn start_window(&self, now: Mono) {
        self.window_start.store(now.as_nanos(), Relaxed);
    }

    pub(crate) fn scar_decay(&self) -> f64 {
        f64::from(f32::from_bits(self.scar_decay.load(Relaxed)))
    }

    pub(crate) fn read(&self) -> Reading {
        let mut sum = Reading::default();
        self.each_stripe(|stripe| stripe.add_to(&mut sum));
        sum
    }

    pub(crate) fn control(&self) -> Control {
        Control(self.control.load(Acquire))
    }

    pub(crate) fn gate(&self) -> Gate {
        Gate::from_words([self.gate[0].load(Relaxed), self.gate[1].load(Relaxed)])
    }

    /// The terms of the gate at rest. Between an opening or a closing and its tick those of the tick are of another world
    /// and the gate is not: all it has over the base is then the scar of a dead route.
    pub(crate) fn terms(&self) -> Terms {
        let (terms, rest) = (self.terms.read(), f64::from(self.gate().rest()));
        let known = terms.at_rest() + terms.saturation.get();
        // The gate is rounded to a float of half the size.
        if (known - rest).abs() <= 1e-3 * rest.max(1.0) {
            terms
        } else {
            Terms { base: terms.base, scar: Ohms::saturating(rest - terms.base.get()), ..Terms::default() }
        }
    }

    /// Debt D, in slots.
    pub(crate) fn debt(&self) -> f64 {
        self.debt.load(Relaxed).max(0) as f64 / MILLIONTHS
    }

    /// The in-flight count with everything that is still unflushed.
    pub(crate) fn exact_in_flight_signed(&self) -> i64 {
        // Acquire: whoever sees a batch here sees that its thread has given it away.
        let mut sum = self.in_flight.0.load(Acquire);
        for stripe in self.stripes.get() {
            sum += stripe.0.unflushed.load(Relaxed);
        }
        sum
    }

    /// Something is in flight, or a request has come since the pulse last looked: the slow way to see a touch.
    pub(crate) fn has_news(&self) -> bool {
        self.exact_in_flight_signed() != 0 || {
            let mut stamped = Mono::ZERO;
            self.each_stripe(|stripe| stamped = stamped.max(stripe.last_admit()));
            stamped > self.window_start()
        }
    }

    pub(crate) fn is_touched(&self) -> bool {
        self.touched.load(Relaxed)
    }

    /// The pulse has seen everything to the end. Called before it reads, so that nothing is missed.
    pub(crate) fn clear_touch(&self) {
        self.touched.store(false, Release);
    }

    pub(crate) fn touch(&self) {
        if !self.touched.load(Relaxed) {
            self.touched.store(true, Release);
        }
    }

    // ---- small parts -----------------------------------------------------------------------------------------

    /// The calling thread's own stripe, if the route is busy enough to have them.
    #[inline(always)]
    fn own_lane(&self, slot: usize) -> Option<Lane<'_>> {
        self.stripes.get().get(slot).map(|Padded(stripe)| Lane { stripe, own: true })
    }

    fn lane(&self, slot: usize) -> Lane<'_> {
        match self.stripes.get().get(slot) {
            Some(Padded(stripe)) => Lane { stripe, own: true },
            None => Lane { stripe: &self.base, own: false },
        }
    }

    /// Counts `by` (1 or -1) and gives back the count before, as this thread knows it.
    fn move_in_flight(&self, lane: Lane<'_>, by: i64) -> i64 {
        if !lane.own {
            return self.in_flight.0.fetch_add(by, Relaxed);
        }
        let before = lane.stripe.unflushed.load(Relaxed);
        let after = before + by;
        if after.unsigned_abs() >= u64::from(self.batch.load(Relaxed)) {
            // Emptied first, and Release: a reader in between misses this batch and never counts it twice.
            lane.stripe.unflushed.store(0, Relaxed);
            self.in_flight.0.fetch_add(after, Release) + before
        } else {
            lane.stripe.unflushed.store(after, Relaxed);
            self.in_flight.0.load(Relaxed) + before
        }
    }

    /// The in-flight count as far as this thread knows it without looking at the others' stripes.
    #[inline]
    fn near_in_flight(&self, lane: Lane<'_>) -> i64 {
        let own = if lane.own { lane.stripe.unflushed.load(Relaxed) } else { 0 };
        self.in_flight.0.load(Relaxed) + own
    }

    fn exact_in_flight(&self) -> u64 {
        u64::try_from(self.exact_in_flight_signed()).unwrap_or(0)
    }

    fn each_stripe<'a>(&'a self, mut visit: impl FnMut(&'a Stripe)) {
        visit(&self.base);
        for stripe in self.stripes.get() {
            visit(&stripe.0);
        }
    }
}

/// How many in-flight changes a thread may keep to itself: about an eighth of N* in sum over all threads, one more than
/// none only where all threads together stay under half of N*.
fn batch(target: f64, threads: usize) -> u32 {
    let threads = threads.max(1) as f64;
    let by_share = (target / (8.0 * threads)) as u32;
    let floor = u32::from(2.0 * threads <= target);
    1 + by_share.max(floor).min(MOST_UNFLUSHED - 1)
}

/// The stripes of a route: none at first, one for each thread slot when it has become busy.
#[derive(Debug, Default)]
struct Stripes(OnceLock<Box<[Padded]>>);

impl Stripes {
    #[inline]
    fn get(&self) -> &[Padded] {
        self.0.get().map_or(&[], |stripes| stripes)
    }

    fn grow(&self, slots: usize) {
        self.0.get_or_init(|| (0..slots).map(|_| Padded::default()).collect());
    }
}
