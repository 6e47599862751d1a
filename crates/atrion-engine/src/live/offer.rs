// SPDX-License-Identifier: Apache-2.0
//! Deciding on a request that can wait: it may be asked again, so a refusal is not counted.

use atrion_core::adaptive::probe::ProbeBucket;
use atrion_core::{Ladder, Mono, Priority, Reason, Tier, Volts};

use super::control::Control;
use super::sync::Ordering::{AcqRel, Relaxed};
use super::{Live, Ticket};

impl Live {
    /// The voltage of a request that may be asked about several times. What is `counted` of it is a
    /// tenant's share.
    pub(crate) fn volts_of(&self, slot: usize, priority: Priority, counted: bool, now: Mono) -> Volts {
        let look = self.lane(slot).next_look().wrapping_add((slot as u64) << 40);
        self.place(priority, look, counted, now)
    }

    /// Lets the request through, or says why not and counts nothing. In shadow mode it passes, and
    /// counts as one that would have been refused.
    pub(crate) fn offer(
        &self,
        slot: usize,
        priority: Priority,
        now: Mono,
        ladder: &Ladder,
    ) -> Result<Ticket, Reason> {
        if let Some(ticket) = self.admit_certain(slot, priority, now) {
            return Ok(ticket);
        }
        let (lane, tier) = (self.lane(slot), priority.counted_as());
        let (control, volts) = (self.control(), self.volts_of(slot, priority, true, now));
        if !self.has_room(slot, control, volts, ladder)
            && let Err(reason) = self.take_right(control, volts, self.exact_in_flight(), now)
        {
            if !control.is_shadow() {
                return Err(reason);
            }
            lane.shed(reason, tier);
        }
        Ok(self.enter(lane, tier, control, now))
    }

    /// Whether [`offer`](Self::offer) would let it through, asked without doing so: a request that
    /// has another gate before it, and would only be in that one for nothing.
    pub(crate) fn would_pass(
        &self,
        slot: usize,
        priority: Priority,
        now: Mono,
        ladder: &Ladder,
    ) -> Result<(), Reason> {
        let control = self.control();
        if self.is_certain(slot, priority, control) {
            return Ok(());
        }
        let volts = self.volts_of(slot, priority, false, now);
        if self.has_room(slot, control, volts, ladder) {
            return Ok(());
        }
        let probe =
            |calls| ProbeBucket::from_bits(self.probes.load(Relaxed)).take(now, calls, volts).is_some();
        let silence = |calls| {
            now.since(Mono::from_nanos(self.last_pass.load(Relaxed))) >= self.longest_silence(calls, volts)
        };
        let right = self.right(control, volts, self.exact_in_flight(), probe, silence);
        if control.is_shadow() { Ok(()) } else { right }
    }

    fn has_room(&self, slot: usize, control: Control, volts: Volts, ladder: &Ladder) -> bool {
        let slots = || self.gate().slots(volts, ladder) * self.young_grain();
        !control.is_exceptional()
            && self.fits(self.lane(slot), slots(), self.cap.load(Relaxed), Tier::of(volts))
    }

    /// Called by one that is about to wait, between saying so and looking again: it sees what has
    /// left before, and a request that leaves after it sees the waiter. That is the order of one
    /// atomic, so it does not hold for a thread that counts for itself.
    pub(crate) fn settle_count(&self) {
        self.in_flight.0.fetch_add(0, AcqRel);
    }
}
