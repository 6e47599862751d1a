// SPDX-License-Identifier: Apache-2.0
//! Changes of the control word, each made by exactly one caller.

use atrion_core::adaptive::probe::ProbeBucket;
use atrion_core::{Mode, Mono};

use super::Live;
use super::control::{Control, Force};
use super::sync::{
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    fence,
};

impl Live {
    // A transition names the generation that it was decided in. If another caller has opened or
    // closed since, it was decided on less, and does nothing.

    /// Opens the breaker with a full bucket of probes. True if this call did.
    pub(crate) fn open(&self, generation: u32, now: Mono) -> bool {
        // Acquire, and read before the word: if a token of this opening is gone already, the word
        // shows the opening.
        let bits = self.probes.load(Acquire);
        let control = self.control();
        if control.generation() != generation || control.mode() == Mode::CircuitBreaker {
            return false;
        }
        // An exchange, because another opener may have filled it, and a request may have taken from
        // that.
        let full = ProbeBucket::full(now).bits();
        let _ = self.probes.compare_exchange(bits, full, Relaxed, Relaxed);
        self.gate[0].store(self.broken.load(Relaxed), Relaxed);
        self.change_mode(generation, Mode::CircuitBreaker)
    }

    /// Closes the breaker: everything that remembers the outage is cleared before a request can see
    /// the new mode. True if this call did.
    pub(crate) fn close(&self, generation: u32) -> bool {
        if self.control().generation() != generation {
            return false;
        }
        self.run.store(0, Relaxed);
        self.debt.store(0, Relaxed);
        self.forget_the_outage();
        let closed = self.change_mode(generation, Mode::Operational);
        if closed {
            // A tick that had not heard of it may have published in between. If it does so after
            // this, it hears of it: the fence pairs with the one in `has_moved_on`.
            fence(SeqCst);
            self.forget_the_outage();
        }
        closed
    }

    /// The gate of health, and no debt for failures: none of those that taught their price count
    /// any more.
    pub(super) fn forget_the_outage(&self) {
        self.debt_gain.store(0, Relaxed);
        self.gate[0].store(self.healthy.load(Relaxed), Relaxed);
    }

    /// The breaker has opened or closed since `generation`: what was published for it no longer
    /// fits.
    pub(crate) fn has_moved_on(&self, generation: u32) -> bool {
        fence(SeqCst);
        self.control().generation() != generation
    }

    /// Clears what requests remember of failures, whatever the mode; what started before says
    /// nothing new.
    pub(crate) fn forgive(&self, now: Mono) {
        self.evidence_floor.store(now.as_nanos(), Release);
        self.run.store(0, Relaxed);
        self.debt.store(0, Relaxed);
        self.touch();
    }

    /// What started before `now` has met this process standing still: its failure says nothing
    /// about the callee, and the failures in a row begin anew.
    pub(crate) fn excuse(&self, now: Mono) {
        self.evidence_floor.store(now.as_nanos(), Release);
        self.run.store(0, Relaxed);
    }

    /// True if this call made the change.
    pub(crate) fn change_mode(&self, generation: u32, mode: Mode) -> bool {
        self.update_control(
            |control| {
                if control.generation() == generation { control.to_mode(mode) } else { control }
            },
        )
    }

    pub(crate) fn force(&self, force: Force, until: Mono) {
        // Relaxed: a refusal between the two writes tells one hint of the earlier override.
        self.forced_until.store(until.as_nanos(), Relaxed);
        self.update_control(|control| control.with_force(force));
        self.touch();
    }

    pub(crate) fn forced_until(&self) -> Mono {
        Mono::from_nanos(self.forced_until.load(Relaxed))
    }

    /// AcqRel: a thread that sees a transition sees what was cleared before it.
    pub(super) fn update_control(&self, change: impl Fn(Control) -> Control) -> bool {
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
}
