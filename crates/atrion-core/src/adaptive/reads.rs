// SPDX-License-Identifier: Apache-2.0
//! What can be read from a state between two ticks. Nothing here changes it.

use core::time::Duration;

use super::{AdaptiveConfig, AdaptiveState, Expected, HARDLY_ANY};
use crate::{Evidence, Law, Mode, Ohms, Terms};

impl AdaptiveState {
    /// The law of the gate until the next tick, with `merged` in place of the own scar where a
    /// fleet shares scars.
    #[must_use]
    pub fn law(&self, merged: Option<Ohms>, config: &AdaptiveConfig) -> Law {
        let learned = self.room.get();
        let (gain, target) = if self.is_learning(config) {
            (config.gain, learned.max(LEARNING_TARGET))
        } else {
            (
                self.ceiling.gain(learned, self.room.gain(self.debt, config)),
                if learned > 0.0 { learned } else { config.min_target },
            )
        };
        Law {
            rest: Ohms::saturating(self.terms(merged, config).at_rest()),
            weight: Ohms::saturating(config.weight),
            gain,
            target: target * self.grain.get(),
        }
    }

    /// Every term of R but saturation, which depends on the request's own moment, and the
    /// application's own signals, which no route learns.
    #[must_use]
    pub fn terms(&self, merged: Option<Ohms>, config: &AdaptiveConfig) -> Terms {
        let learning = self.mode == Mode::Bootstrap;
        let own = if learning { 0.0 } else { self.scar.get() };
        Terms {
            base: Ohms::saturating(config.base),
            saturation: Ohms::ZERO,
            momentum: Ohms::saturating(if learning {
                0.0
            } else {
                config.momentum_factor * self.momentum.get()
            }),
            scar: Ohms::saturating(own),
            staleness: Ohms::saturating(if learning { 0.0 } else { self.staleness }),
            cluster: merged.map_or(0.0, |merged| merged.get() - own),
            signal: Ohms::ZERO,
        }
    }

    /// `R_rest` on this node's own evidence: the breaker is never opened by hearsay.
    #[must_use]
    pub fn resistance_at_rest(&self, config: &AdaptiveConfig) -> Ohms {
        Ohms::saturating(self.terms(None, config).at_rest())
    }

    /// The mode as of the last tick.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The capacity target N*, in requests; 0 before the first tick.
    #[must_use]
    pub fn target(&self) -> f64 {
        self.room.get() * self.grain.get()
    }

    /// The work's target N_w, in requests: what N* is in an overload; 0 before the first tick.
    #[must_use]
    pub fn work_target(&self) -> f64 {
        self.target.get() * self.grain.get()
    }

    /// The grain, in units: what a unit's call costs in the mean, `E[c^2]/E[c]`, which the laws
    /// count in (`manual/physics.md` section 3.10). 1 where each request is one unit.
    #[must_use]
    pub fn grain(&self) -> f64 {
        self.grain.get()
    }

    /// The part of a grain's latency that goes with its cost, 0..=1.
    #[must_use]
    pub fn cost_share(&self) -> f64 {
        self.grain.share()
    }

    /// How long answers will take until the next tick: nothing, unless an overload is shown and
    /// calls have become slower. Either alone is a guess: callers that ask for more than ever, or a
    /// service that has become slower with workers to spare.
    #[must_use]
    pub fn expected(&self) -> Expected {
        let (pace, service) = (self.throughput.get(), self.baseline.base());
        let waits = self.mode == Mode::Operational && self.room.is_overload() && self.baseline.is_slowed();
        let grain = self.grain.get();
        let at_work = pace * service * grain;
        // An overload keeps a worker busy at least. With less at work X is not the pace of the service,
        // but what an outage has left of it.
        if !waits || at_work < AT_WORK {
            return Expected::default();
        }
        Expected { service, at_work, each: 1.0 / (pace * grain) }
    }

    /// More comes than is worked off, by the evidence of several ticks.
    #[must_use]
    pub fn is_overload(&self) -> bool {
        self.room.is_overload()
    }

    /// Debt D after this tick's relaxation, in slots.
    #[must_use]
    pub fn debt(&self) -> f64 {
        self.debt * self.grain.get()
    }

    /// The node's own scar S, in ohms.
    #[must_use]
    pub fn scar(&self) -> Ohms {
        Ohms::saturating(self.scar.get())
    }

    /// The rate at which the scar fades if nothing more happens, in 1/s: `scar_decay`, and 0 while
    /// an open breaker holds it (`manual/physics.md` section 3.5). Peers receive it with the scar,
    /// so that they foresee the scar.
    #[must_use]
    pub const fn scar_decay(&self, config: &AdaptiveConfig) -> f64 {
        self.scar.decay(config)
    }

    /// Momentum M, in 1/s.
    #[must_use]
    pub fn momentum(&self) -> f64 {
        self.momentum.get()
    }

    /// The smoothed share of failed calls e, 0..=1.
    #[must_use]
    pub fn error_share(&self) -> f64 {
        self.errors.get()
    }

    /// L, the latency of now, in seconds. A float, because a [`Duration`] would round it.
    #[must_use]
    pub fn latency(&self) -> Option<f64> {
        known(self.baseline.latency())
    }

    /// L0, the latency of the route when it is not crowded, in seconds.
    #[must_use]
    pub fn baseline(&self) -> Option<f64> {
        known(self.baseline.base())
    }

    /// How long a call counts as the service's usual work, in seconds: five times the latency of
    /// now, which the `mean` of a window may be ahead of, and at least a tenth of a second. A call
    /// that is in flight for longer, while younger ones are answered, was *overtaken*. `None` while
    /// no latency is known.
    #[must_use]
    pub fn patience(&self, mean: Option<f64>) -> Option<f64> {
        self.baseline.usual(mean)
    }

    /// How many of the calls in flight a request is not charged with, by its tier, the most important
    /// first: those that wait for something else than the service, as far as their tier tells them.
    #[must_use]
    pub const fn uncharged(&self) -> [u32; 5] {
        self.charge.uncharged()
    }

    /// The route answers, mostly without failures, and has not become slower. What stands takes no
    /// capacity from the rest then.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.errors.get() < HARDLY_ANY && !self.baseline.is_stretched() && !self.missing.is_silence()
    }

    /// Calls were overtaken lately, so the calls in flight are to be counted by tier.
    #[must_use]
    pub fn is_charging(&self) -> bool {
        self.charge.is_on()
    }

    /// The in-flight count at which a bounded queue of the callee is full, in requests.
    #[must_use]
    pub fn queue_edge(&self) -> Option<f64> {
        self.ceiling.edge().map(|edge| edge * self.grain.get())
    }

    /// How far [`queue_edge`](Self::queue_edge) is believed in, 0..=1.
    #[must_use]
    pub const fn queue_edge_belief(&self) -> f64 {
        self.ceiling.belief()
    }

    /// Throughput X of successes, per second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.throughput.get() * self.grain.get()
    }

    /// Elasticity eps: 1 where latency rises with the in-flight count, 0 where it does not.
    #[must_use]
    pub fn elasticity(&self) -> f64 {
        self.elasticity.get()
    }

    /// Effectiveness eta: 1 where failures rise with admissions, 0 where they do not.
    #[must_use]
    pub fn effectiveness(&self) -> f64 {
        self.effectiveness.get()
    }

    /// How much own evidence stands behind the scar.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.evidence_after(Duration::ZERO)
    }

    /// The same after a further time without completions: a tick need not have run for it.
    #[must_use]
    pub fn evidence_after(&self, idle: Duration) -> Evidence {
        self.evidence.evidence_after(idle)
    }

    /// Nothing is left that a fresh route would not have: the state may be forgotten without a
    /// loss.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.mode != Mode::CircuitBreaker
            && self.scar.get() < 0.01
            && self.errors.get() < 0.01
            && self.debt < 0.01
            && self.staleness <= 0.0
    }
}

/// Seconds are 0 in the laws until something was measured.
fn known(seconds: f64) -> Option<f64> {
    (seconds > 0.0).then_some(seconds)
}

/// The least target in requests while nothing is known: too little to drown in, enough to learn
/// from.
const LEARNING_TARGET: f64 = 200.0;

/// Less than this part of a call at work is no pace.
const AT_WORK: f64 = 0.5;
