// SPDX-License-Identifier: Apache-2.0
//! The preset `adaptive`, the default: every law of `docs/physics.md` section 3, composed on one screen.
//!
//! A law is a small value with one step; [`AdaptiveState::step`] runs them in their fixed order. Nothing in here
//! knows about threads, clocks or stores. What has to happen between two ticks (a failure that opens the breaker, a
//! probe that closes it, debt that grows) are the pure rules of [`debt`], [`DeadRule`] and [`probe`], which the engine
//! applies at the request itself.

mod admissions;
mod baseline;
mod ceiling;
mod config;
mod dead;
pub mod debt;
mod effectiveness;
mod elasticity;
mod errors;
mod evidence;
mod health;
mod missing;
mod momentum;
pub mod probe;
mod scar;
mod staleness;
mod target;
mod tick;
mod window;

pub use admissions::Admissions;
pub use baseline::Baseline;
pub use ceiling::Ceiling;
pub use config::{AdaptiveConfig, ConfigFault, Laws};
pub use dead::DeadRule;
pub use effectiveness::Effectiveness;
pub use elasticity::{Elasticity, Pairs};
pub use errors::ErrorShare;
pub use evidence::Evidence;
pub use health::MemoryOfHealth;
pub use missing::Missing;
pub use momentum::Momentum;
pub use scar::Scar;
pub use staleness::staleness;
pub use target::{Target, Throughput};
pub use tick::Tick;
pub use window::{Failures, Window};

use core::time::Duration;

use target::Carried;

use crate::admission::{Law, saturation_pressure};
use crate::{Mode, Ohms, Terms};

/// Everything one node knows about one route, as of its last tick.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct AdaptiveState {
    mode: Mode,
    learned_ticks: u32,
    elasticity: Elasticity,
    baseline: Baseline,
    throughput: Throughput,
    health: MemoryOfHealth,
    ceiling: Ceiling,
    target: Target,
    admissions: Admissions,
    effectiveness: Effectiveness,
    debt: f64,
    missing: Missing,
    errors: ErrorShare,
    scar: Scar,
    momentum: Momentum,
    staleness: f64,
    evidence: Evidence,
}

impl AdaptiveState {
    /// One tick: the window's measurements move every law once, in the order of `docs/physics.md` section 3.
    ///
    /// `tick` carries the elapsed time with its decay factors, so that a pulse over many routes computes them once.
    #[must_use]
    #[inline]
    pub fn step(mut self, tick: &Tick, window: &Window, config: &AdaptiveConfig) -> Self {
        self.advance(tick, window, config);
        self
    }

    /// The same as [`step`](Self::step), in place: a pulse over many routes saves two copies of each.
    pub fn advance(&mut self, tick: &Tick, window: &Window, config: &AdaptiveConfig) {
        let window = window.neutralised();
        // What a caller reports of its own meters is judged, but it is not throughput of this gate.
        let with_report;
        let judged = match &window.report {
            Some(report) => {
                with_report = window.with(report, self.target.slots(), config.slo);
                &with_report
            }
            None => &window,
        };
        let laws = config.laws;
        let crowded = judged.mean_in_flight > self.target.slots();
        let learning = self.mode == Mode::Bootstrap;

        let delayed = self.missing.delays(tick, &window);
        let pairs = if delayed { Pairs::default() } else { window.pairs };
        self.elasticity.step(tick, &pairs, self.baseline.latency(), crowded, self.baseline.is_learning());
        let elasticity = self.elasticity;
        let free = || if laws.elasticity { elasticity.free() } else { 0.0 };
        self.baseline.step(tick, judged, self.target.slots(), free, delayed, config.slo);
        let full = judged.mean_in_flight >= 0.9 * self.target.slots();
        let strained = full || self.baseline.is_stretched();
        self.throughput.step(tick, &window, strained);
        self.errors.step(tick, judged);
        self.missing.step(tick, &window, self.throughput.get(), self.baseline.base());
        let unharmed = self.is_unharmed();
        let answered = judged.samples() > 0;
        if (!strained || full && unharmed && answered) && self.mode == Mode::Operational {
            self.health.step(tick, window.mean_in_flight);
        }
        if laws.ceiling {
            self.ceiling.step(tick, &window, self.baseline.base());
        }
        let carried = Carried {
            throughput: &self.throughput,
            baseline: &self.baseline,
            health: &self.health,
            ceiling: &self.ceiling,
        };
        self.target.step(tick, crowded, &carried, free, unharmed, config);
        if tick.seconds > 0.0 {
            let (admitted, failed) = (window.admitted, window.failed);
            let cause =
                self.admissions.step(tick, admitted, failed, window.failures.held, self.baseline.base());
            self.effectiveness.step(tick, cause, failed);
        }
        self.debt = debt::relax(window.debt, tick, self.target.slots(), config);
        self.evidence.step(tick, judged.completions());

        let saturation = saturation_pressure(judged.mean_in_flight, self.target.slots(), config.gain);
        if learning {
            self.scar = Scar::default();
            self.momentum = Momentum::at_rest(saturation, self.errors.get());
            self.staleness = 0.0;
        } else {
            // Silence wounds nobody: a tick without completions only heals, as a route does that nobody looks at.
            let trauma = if judged.completions() > 0 {
                scar::trauma(self.errors.get(), self.blame(config))
            } else {
                0.0
            };
            self.scar.step(tick, trauma, config);
            self.momentum.step(tick, saturation, self.errors.get());
            self.staleness = staleness(&window, self.baseline.longest_patience(config.slo), config);
        }
        // A route without traffic learns nothing, so only ticks that saw a completion count.
        self.learned_ticks = self.learned_ticks.saturating_add(u32::from(judged.completions() > 0));
        // Overload from the first request on needs no more lessons: the room for learning is a queue then.
        if crowded && self.learned_ticks >= QUEUE_TICKS && self.elasticity.is_queue() {
            self.learned_ticks = self.learned_ticks.max(config.bootstrap_ticks);
        }
        self.mode = self.next_mode(config);
    }

    /// A crowd that slows nobody down, while most calls come back well, is health: calls that hang fill the house beside
    /// free workers.
    fn is_unharmed(&self) -> bool {
        self.errors.get() < 0.5 && !self.baseline.is_slowed() && !self.missing.is_silence()
    }

    /// The three modes; every arm is a sentence. The request path adds two more transitions, [`opened_dead`] and
    /// [`closed`](Self::closed), because they must not wait for a tick.
    ///
    /// [`opened_dead`]: Self::opened_dead
    fn next_mode(&self, config: &AdaptiveConfig) -> Mode {
        match self.mode {
            Mode::Bootstrap if self.is_learning(config) => Mode::Bootstrap,
            Mode::Bootstrap => Mode::Operational,
            Mode::Operational if self.resistance_at_rest(config).get() >= config.break_at => {
                Mode::CircuitBreaker
            }
            Mode::Operational => Mode::Operational,
            // Only a success of a request that was started since the opening closes it.
            Mode::CircuitBreaker => Mode::CircuitBreaker,
        }
    }

    /// The breaker was opened by the dead rule: the scar goes to its maximum and is held while it is open.
    #[must_use]
    pub fn opened_dead(mut self, config: &AdaptiveConfig) -> Self {
        self.mode = Mode::CircuitBreaker;
        self.scar = Scar::held(config.break_at - config.base);
        self
    }

    /// A probe succeeded: back to work at once, without scar, debt, momentum, staleness or error share.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.mode = Mode::Operational;
        self.scar = Scar::default();
        self.momentum = Momentum::default();
        self.errors = ErrorShare::default();
        self.effectiveness.forget();
        self.debt = 0.0;
        self.staleness = 0.0;
        self
    }

    /// A warm start: what an earlier run of this node knew, aged by the time that has passed since.
    ///
    /// An open breaker stays open, with its scar held: the first probe finds out. A scar alone needs no learning
    /// phase to brake, so such a route starts out operational; its target is still the one of a learning route.
    #[must_use]
    pub fn restored(scar: Ohms, mode: Mode, config: &AdaptiveConfig) -> Self {
        let fresh = Self::default();
        match mode {
            Mode::CircuitBreaker => fresh.opened_dead(config),
            Mode::Operational if scar.get() >= 1.0 => {
                Self { mode, scar: Scar::of(scar.get().min(config.scar_ceiling)), ..fresh }
            }
            // What is left of the scar is too faint to brake with: learn anew.
            Mode::Operational | Mode::Bootstrap => fresh,
        }
    }

    /// The law of the gate until the next tick, with `merged` in place of the own scar where a fleet shares scars.
    #[must_use]
    pub fn law(&self, merged: Option<Ohms>, config: &AdaptiveConfig) -> Law {
        let slots = self.target.slots();
        let (gain, target) = if self.is_learning(config) {
            (config.gain, slots.max(LEARNING_TARGET))
        } else {
            (self.ceiling.gain(slots, config), if slots > 0.0 { slots } else { config.min_target })
        };
        Law {
            rest: Ohms::saturating(self.terms(merged, config).at_rest()),
            weight: Ohms::saturating(config.weight),
            gain,
            target,
        }
    }

    /// Every term of R but saturation, which depends on the request's own moment.
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
        }
    }

    /// `R_rest` on this node's own evidence: the breaker is never opened by hearsay.
    #[must_use]
    pub fn resistance_at_rest(&self, config: &AdaptiveConfig) -> Ohms {
        Ohms::saturating(self.terms(None, config).at_rest())
    }

    /// Too few ticks with a completion have been seen to believe N*.
    fn is_learning(&self, config: &AdaptiveConfig) -> bool {
        self.learned_ticks < config.bootstrap_ticks
    }

    /// How much debt one failure makes now, in slots (`docs/physics.md` section 3.4).
    #[must_use]
    pub fn debt_gain(&self, config: &AdaptiveConfig) -> f64 {
        if !config.laws.debt {
            0.0
        } else if self.mode == Mode::Operational && self.missing.is_silence() {
            1.0
        } else {
            self.blame(config)
        }
    }

    /// g: how far failures are the load's doing, 0..=1.
    fn blame(&self, config: &AdaptiveConfig) -> f64 {
        if config.laws.effectiveness { debt::gain(self.effectiveness.get()) } else { 1.0 }
    }

    /// The mode as of the last tick.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The capacity target N*, in requests.
    #[must_use]
    pub fn target(&self) -> f64 {
        self.target.slots()
    }

    /// Debt D after this tick's relaxation, in slots.
    #[must_use]
    pub const fn debt(&self) -> f64 {
        self.debt
    }

    /// The node's own scar S, in ohms.
    #[must_use]
    pub fn scar(&self) -> Ohms {
        Ohms::saturating(self.scar.get())
    }

    /// The rate at which the scar fades if nothing more happens, in 1/s: `scar_decay`, and 0 while an open breaker
    /// holds it (`docs/physics.md` section 3.5). What others are told with the scar, so that they foresee it.
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

    /// The latency the route has when it is not crowded, and how stretched it is now.
    #[must_use]
    pub const fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Where a bounded queue is full, and how far that is believed in.
    #[must_use]
    pub const fn ceiling(&self) -> &Ceiling {
        &self.ceiling
    }

    /// Throughput X of successes, per second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.throughput.get()
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

    /// How much own evidence stands behind the scar, 0..1.
    #[must_use]
    pub fn evidence(&self) -> f64 {
        self.evidence.weight()
    }

    /// The same after a further time without completions: a tick need not have run for it.
    #[must_use]
    pub fn evidence_after(&self, idle: Duration) -> f64 {
        self.evidence.weight_after(idle)
    }

    /// Nothing is left that a fresh route would not have: it may be forgotten without a loss.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.mode != Mode::CircuitBreaker
            && self.scar.get() < 0.01
            && self.errors.get() < 0.01
            && self.debt < 0.01
            && self.staleness <= 0.0
    }
}

/// So many ticks with a completion it takes to believe in a queue.
const QUEUE_TICKS: u32 = 4;

/// While nothing is known the target is at least this many requests: too little to drown in, enough to learn from.
const LEARNING_TARGET: f64 = 200.0;
