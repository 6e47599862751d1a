// SPDX-License-Identifier: Apache-2.0
//! The pulse's side: what it publishes for the next tick, and what it reads of the last one.

use std::time::Duration;

use atrion_core::{Gate, Ladder, Mono, Ohms, SignalId, Terms, Tier, Volts};

use super::control::Control;
use super::counting::batch;
use super::stripe::{Padded, Reading};
use super::sync::Ordering::{Acquire, Relaxed, Release};
use super::{Live, MILLIONTHS, Publication, Settings};

impl Live {
    pub(crate) fn publish(&self, publication: &Publication, ladder: &Ladder) {
        let [rest, target] = publication.gate.to_words();
        // Relaxed: a request that sees one word of each tick decides by a mixture of two
        // neighbouring gates.
        self.gate[0].store(rest, Relaxed);
        self.gate[1].store(target, Relaxed);
        for (cell, word) in self.alone.iter().zip(publication.alone.to_words()) {
            cell.store(word, Relaxed);
        }
        self.healthy.store(publication.healthy.to_words()[0], Relaxed);
        self.debt_gain.store((publication.debt_gain.clamp(0.0, 1.0) * MILLIONTHS) as u32, Relaxed);
        for (cell, calls) in self.uncharged.iter().zip(publication.uncharged) {
            cell.store(calls, Relaxed);
        }
        self.by_chance.store(publication.by_chance, Relaxed);
        self.silence.store(publication.silence, Relaxed);
        self.terms.publish(&publication.terms, publication.signal);
        self.publish_expected(&publication.expected);
        self.publish_grain(publication.grain, publication.share);
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

    /// Sets how coarsely threads may count until the next tick, and how the pairs are thinned.
    /// `last_moves` remembers what each stripe had when this was last called.
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
        // Where calls have weights each is counted at once, which takes the unusual way.
        let batch = if stripes.is_empty() || self.is_weighted() { 1 } else { batch(target, active) };
        self.batch.store(batch, Relaxed);
        let mut margin = 0;
        for (stripe, before) in stripes.iter().zip(last_moves) {
            // What an idle thread has left unflushed counts as it is; an active one may have a
            // batch less one.
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

    /// Solves the gate for the lower end of every tier's band. What a request finds under it needs
    /// no closer look.
    pub(super) fn set_certain(&self, ladder: &Ladder) {
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

    /// Relaxed: a request that still sees the old start counts its time from there, a window's
    /// length off at most.
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

    /// The terms of the gate at rest. Between an opening or a closing and its tick, the terms of
    /// the last tick do not fit the gate: all that it has over the base is then the scar of a dead
    /// route.
    pub(crate) fn terms(&self) -> Terms {
        let ((terms, _), rest) = (self.terms.read(), f64::from(self.gate().rest()));
        let known = terms.at_rest() + terms.saturation.get();
        // The gate is rounded to a float of half the size.
        if (known - rest).abs() <= 1e-3 * rest.max(1.0) {
            terms
        } else {
            Terms { base: terms.base, scar: Ohms::saturating(rest - terms.base.get()), ..Terms::default() }
        }
    }

    /// The strongest signal in the terms of the last tick.
    pub(crate) fn signal(&self) -> Option<SignalId> {
        self.terms.read().1
    }

    /// Debt D, in requests.
    pub(crate) fn debt(&self) -> f64 {
        self.debt.load(Relaxed).max(0) as f64 / MILLIONTHS
    }

    /// The in-flight count with everything that is still unflushed, without the calls that wait for
    /// their client, without streams and without the overtaken.
    pub(crate) fn exact_in_flight_signed(&self) -> i64 {
        self.exact_admitted_signed() - self.apart()
    }

    /// Admitted calls that are not the service's work.
    pub(super) fn apart(&self) -> i64 {
        self.waiting() + self.streamed() + self.overtaken()
    }

    /// The same with them.
    pub(crate) fn exact_admitted_signed(&self) -> i64 {
        // Acquire: a reader that sees a batch here sees that its thread has given it away.
        let mut sum = self.in_flight.0.load(Acquire);
        for stripe in self.stripes.get() {
            sum += stripe.0.unflushed.load(Relaxed);
        }
        sum
    }

    /// Something is in flight, or a request has come since the pulse last looked: the slow way to
    /// see a touch.
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
}
