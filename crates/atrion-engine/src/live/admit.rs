// SPDX-License-Identifier: Apache-2.0
//! Deciding on a request.

use std::time::Duration;

use atrion_core::adaptive::probe::{ProbeBucket, longest_silence};
use atrion_core::{Gate, Ladder, Mode, Mono, Ohms, Priority, Reason, Terms, Tier, Volts};

use super::control::{Control, Force};
use super::stripe::{Lane, tier_index};
use super::sync::Ordering::{Acquire, Relaxed, Release};
use super::{Live, MILLIONTHS, Mark, Refused, Ticket};

/// A request that may pass and is not counted yet: the usual case, a thread with a stripe of its own
/// on a route that is not near its limit.
#[derive(Clone, Copy)]
pub(crate) struct Passing<'a> {
    live: &'a Live,
    lane: Lane<'a>,
    control: Control,
    unflushed: i64,
    in_flight: i64,
}

impl Passing<'_> {
    /// Counts the request in. By the thread that has looked, before it looks again.
    #[inline(always)]
    pub(crate) fn enter(self, tier: Tier, now: Mono) -> Mark {
        let Self { live, lane, control, unflushed, in_flight } = self;
        lane.stripe.unflushed.store(unflushed + 1, Relaxed);
        lane.admitted(tier, now, live.window_start(), live.span_of(now));
        live.touch();
        Mark::new(control, in_flight - live.apart_if_any())
    }
}

impl Live {
    /// Looks whether a request passes in the usual way. `slot` is the calling thread's number.
    ///
    /// Small enough to be inlined into the caller and to be answered in registers. `None` says
    /// nothing but that it takes [`admit`](Self::admit).
    #[inline(always)]
    pub(crate) fn passing(&self, slot: usize, tier: Tier) -> Option<Passing<'_>> {
        let lane = self.own_lane(slot)?;
        // Acquire: a request that sees a closing sees the evidence floor and the cleared debt that
        // came before it.
        let control = Control(self.control.load(Acquire));
        let unflushed = lane.stripe.unflushed.load(Relaxed);
        let in_flight = self.in_flight.0.load(Relaxed) + unflushed;
        let passes = !control.is_exceptional()
            && in_flight < i64::from(self.certain[tier_index(tier)].load(Relaxed))
            && self.debt.load(Relaxed) <= 0
            && unflushed + 1 < i64::from(self.batch.load(Relaxed));
        passes.then_some(Passing { live: self, lane, control, unflushed, in_flight })
    }

    /// Decides on any request.
    pub(crate) fn admit(
        &self,
        slot: usize,
        priority: Priority,
        now: Mono,
        ladder: &Ladder,
    ) -> Result<Ticket, Refused> {
        match self.admit_certain(slot, priority, now) {
            Some(ticket) => Ok(ticket),
            None => self.look_closer(slot, priority, now, ladder),
        }
    }

    /// Lets a request through whose tier passes, wherever in its band it lies.
    #[inline]
    pub(super) fn admit_certain(&self, slot: usize, priority: Priority, now: Mono) -> Option<Ticket> {
        let control = Control(self.control.load(Acquire));
        let passes = self.is_certain(slot, priority, control);
        passes.then(|| self.enter(self.lane(slot), priority.counted_as(), control, now))
    }

    #[inline]
    pub(super) fn is_certain(&self, slot: usize, priority: Priority, control: Control) -> bool {
        let Some(tier) = priority.tier_of_band() else { return false };
        !control.is_exceptional()
            && self.near_in_flight(self.lane(slot)) < i64::from(self.certain[tier_index(tier)].load(Relaxed))
            && self.debt.load(Relaxed) <= 0
    }

    /// Counts a request that the gate of the route's group has refused.
    #[cold]
    pub(crate) fn turn_away(&self, slot: usize, tier: Tier) {
        self.lane(slot).turned_away(tier);
        self.touch();
    }

    /// The whole law, with the request's own voltage.
    pub(super) fn look_closer(
        &self,
        slot: usize,
        priority: Priority,
        now: Mono,
        ladder: &Ladder,
    ) -> Result<Ticket, Refused> {
        let lane = self.lane(slot);
        let control = Control(self.control.load(Acquire));
        let look = lane.next_look().wrapping_add((slot as u64) << 40);
        let volts = self.place(priority, look, true, now);
        let tier = priority.counted_as();
        if !control.is_exceptional() {
            let slots = self.gate().slots(volts, ladder) * self.young_grain();
            let cap = self.cap.load(Relaxed);
            if self.fits(lane, slots, cap, tier) {
                return Ok(self.enter(lane, tier, control, now));
            }
        }
        self.refuse_or_probe(lane, control, volts, tier, now)
    }

    /// `n + D < slots`, where n is without the calls that wait for their client, without
    /// streams and without the overtaken, and `n < cap`, where they count.
    pub(super) fn fits(&self, lane: Lane<'_>, slots: f32, cap: u32, tier: Tier) -> bool {
        let debt = self.debt.load(Relaxed);
        let owed = if debt > 0 { debt as f32 * (1.0 / MILLIONTHS as f32) } else { 0.0 };
        let margin = i64::from(self.margin.load(Relaxed));
        let near = self.near_in_flight(lane);
        let cap_holds = |n: i64| cap == u32::MAX || n < i64::from(cap);
        let apart = self.apart() + i64::from(self.uncharged[tier_index(tier)].load(Relaxed));
        let holds = |n: i64| ((n - apart).max(0) as f32) + owed < slots && cap_holds(n);
        if margin == 0 {
            return holds(near);
        }
        if holds(near + margin) {
            true
        } else if !holds(near - margin) {
            false
        } else {
            holds(self.exact_admitted_signed())
        }
    }

    #[inline]
    pub(super) fn enter(&self, lane: Lane<'_>, tier: Tier, control: Control, now: Mono) -> Ticket {
        let before = self.in_grains(self.move_in_flight(lane, 1) - self.apart());
        lane.admitted(tier, now, self.window_start(), self.span_of(now));
        self.touch();
        Ticket { start: now, tier, mark: Mark::new(control, before), units: 0 }
    }

    /// Everything but the plain yes. Cold: it may look at every stripe.
    #[cold]
    pub(super) fn refuse_or_probe(
        &self,
        lane: Lane<'_>,
        control: Control,
        volts: Volts,
        tier: Tier,
        now: Mono,
    ) -> Result<Ticket, Refused> {
        let in_flight = self.exact_in_flight();
        let Err(reason) = self.take_right(control, volts, in_flight, now) else {
            return Ok(self.enter(lane, tier, control, now));
        };
        lane.shed(reason, tier);
        self.touch();
        if control.is_shadow() {
            return Ok(self.enter(lane, tier, control, now));
        }
        let (mode, debt, gate) = (control.mode(), self.debt(), self.gate());
        Err(Refused { reason, volts, tier, mode, in_flight, debt, gate })
    }

    /// What a request meets that another rule than the gate's refuses.
    #[cold]
    pub(crate) fn met(&self, reason: Reason, priority: Priority, now: Mono) -> Refused {
        let control = self.control();
        let volts = priority.resolve(control.spread(), Priority::epoch(now), 0);
        Refused {
            reason,
            volts,
            tier: priority.counted_as(),
            mode: control.mode(),
            in_flight: self.exact_in_flight(),
            debt: self.debt(),
            gate: self.gate(),
        }
    }

    /// Takes the right to pass although the gate is shut, or says why there is none.
    pub(super) fn take_right(
        &self,
        control: Control,
        volts: Volts,
        in_flight: u64,
        now: Mono,
    ) -> Result<(), Reason> {
        let probe = |calls| self.take_probe(now, calls, volts);
        let silence = |calls| self.take_silence(now, calls, volts);
        self.right(control, volts, in_flight, probe, silence)
    }

    /// Which right there is to pass although the gate is shut. `probe` and `silence` look whether
    /// so many calls in flight leave it, or take it.
    pub(super) fn right(
        &self,
        control: Control,
        volts: Volts,
        in_flight: u64,
        probe: impl FnOnce(u64) -> bool,
        silence: impl FnOnce(u64) -> bool,
    ) -> Result<(), Reason> {
        let calls = self.calls_of(in_flight);
        match (control.force(), control.mode()) {
            (Force::Closed, _) => Ok(()),
            (Force::Open, _) => Err(Reason::ForcedOpen),
            (Force::None | Force::Shadow, Mode::CircuitBreaker) => {
                let passes = self.has_place() && probe(calls);
                if passes { Ok(()) } else { Err(Reason::BreakerOpen) }
            }
            (Force::None | Force::Shadow, Mode::Bootstrap | Mode::Operational) => {
                let passes = self.has_place() && silence(calls);
                if passes { Ok(()) } else { Err(self.reason(volts, in_flight)) }
            }
        }
    }

    pub(super) fn reason(&self, volts: Volts, in_flight: u64) -> Reason {
        let volts = volts.get();
        // The literal law has its saturation in the gate at rest, and that is no scar.
        let held = if volts as f32 <= self.gate().rest() { Some(self.terms()) } else { None };
        let held = held.filter(|terms| volts <= terms.at_rest());
        if let Some(terms) = held {
            let is_signal = volts > Terms { signal: Ohms::ZERO, ..terms }.at_rest();
            if is_signal { Reason::Signal } else { Reason::Scarred }
        } else if !self.has_place() {
            Reason::AtCap
        } else if self.would_pass_alone(volts, in_flight) {
            Reason::Fleet
        } else {
            Reason::Saturated
        }
    }

    /// Whether a request that was refused would have passed without what the fleet takes away.
    fn would_pass_alone(&self, volts: f64, in_flight: u64) -> bool {
        let alone = Gate::from_words([0, 1].map(|word| self.alone[word].load(Relaxed)));
        let occupied = (in_flight as f64 + self.debt()) / f64::from(self.young_grain());
        alone != self.gate() && volts > f64::from(alone.rest()) + alone.saturation(occupied).get()
    }

    /// The cap holds for probes, too.
    pub(super) fn has_place(&self) -> bool {
        let cap = self.cap.load(Relaxed);
        cap == u32::MAX || self.exact_admitted_signed() < i64::from(cap)
    }

    /// A token of the open breaker's bucket.
    pub(super) fn take_probe(&self, now: Mono, in_flight: u64, volts: Volts) -> bool {
        let bits = self.probes.load(Relaxed);
        // A request that loses the exchange has met another that took the token. Release: an opener
        // that sees a token gone sees that the breaker is open.
        ProbeBucket::from_bits(bits)
            .take(now, in_flight, volts)
            .is_some_and(|left| self.probes.compare_exchange(bits, left.bits(), Release, Relaxed).is_ok())
    }

    /// How long no request may have passed before the next of this voltage does.
    pub(super) fn longest_silence(&self, in_flight: u64, volts: Volts) -> Duration {
        longest_silence(in_flight, volts).saturating_mul(self.silence.load(Relaxed))
    }

    /// The right to pass because no request has passed for too long.
    pub(super) fn take_silence(&self, now: Mono, in_flight: u64, volts: Volts) -> bool {
        let limit = self.longest_silence(in_flight, volts);
        let noticed = self.last_pass.load(Relaxed);
        if noticed > now.as_nanos() {
            // The clock has gone back. Silence counts from now on, or no request would pass until
            // it has caught up.
            let _ = self.last_pass.compare_exchange(noticed, now.as_nanos(), Relaxed, Relaxed);
            self.latest_admission(now, now);
            return false;
        }
        if now.since(Mono::from_nanos(noticed)) < limit {
            return false;
        }
        let latest = self.latest_admission(Mono::from_nanos(noticed), now);
        if now.since(latest) < limit {
            // Remember it, so that the stripes are not looked at again before the limit has passed
            // once more.
            self.last_pass.fetch_max(latest.as_nanos(), Relaxed);
            return false;
        }
        self.last_pass.compare_exchange(noticed, now.as_nanos(), Relaxed, Relaxed).is_ok()
    }

    /// The latest of `first` and the admissions of every stripe. Those of the future are of a clock
    /// that has gone back since, and are forgotten: once it has caught up, the silence would begin
    /// anew with each of them.
    fn latest_admission(&self, first: Mono, now: Mono) -> Mono {
        let mut latest = first;
        self.each_stripe(|stripe| latest = latest.max(stripe.last_admit_until(now)));
        latest
    }
}
