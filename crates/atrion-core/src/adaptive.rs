// SPDX-License-Identifier: Apache-2.0
//! The preset `adaptive`, the default: every law of `manual/physics.md` section 3, composed on one
//! screen.
//!
//! A law is a small value with one step; [`AdaptiveState::advance`] runs them in their fixed order:
//! learn the pace, learn the capacity, judge, move the mode. Nothing in here knows about threads,
//! clocks or stores. What must not wait for a tick (a failure that opens the breaker, a probe that
//! closes it, debt that grows) follows the pure rules of [`debt`], [`DeadRule`] and [`probe`],
//! which the engine applies at the request itself.

mod admissions;
mod aged;
mod baseline;
mod ceiling;
mod censored;
mod charge;
mod config;
mod dead;
pub mod debt;
mod drain;
mod effectiveness;
mod elasticity;
mod errors;
mod evidence;
mod expected;
mod health;
mod missing;
mod momentum;
mod observation;
mod overload;
pub mod probe;
mod reads;
mod room;
mod runs;
mod scar;
mod scatter;
mod staleness;
mod stuck;
mod target;
mod tick;
mod window;
mod work;
mod worked_off;

pub use config::{AdaptiveConfig, ConfigFault, Laws};
pub use dead::DeadRule;
pub use elasticity::Pairs;
pub use expected::Expected;
pub use stuck::{Span, stuck};
pub use tick::Tick;
pub use window::{Failures, Window};
pub use work::Work;

use admissions::Admissions;
use aged::Aged;
use baseline::Baseline;
use ceiling::Ceiling;
use censored::Censored;
use charge::Charge;
use effectiveness::Effectiveness;
use elasticity::Elasticity;
use errors::ErrorShare;
use evidence::RecentCompletions;
use health::MemoryOfHealth;
use missing::Missing;
use momentum::Momentum;
use observation::{Crowd, Observation, Pace, Strain};
use room::{Learned, Room};
use runs::Runs;
use scar::Scar;
use staleness::staleness;
use target::{Carried, Target, Throughput};
use work::{Grain, Rescale};

use crate::admission::saturation_pressure;
use crate::{Mode, Ohms};

/// Everything one node knows about one route, as of its last tick.
///
/// ```
/// use std::time::Duration;
///
/// use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Tick, Window};
///
/// let config = AdaptiveConfig::default();
/// let tick = Tick::new(Duration::from_millis(100), &config);
/// // Ten calls a tick, each of 50 ms: five in flight on average.
/// let window = Window {
///     admitted: 10,
///     succeeded: 10,
///     latency_sum: 0.5,
///     mean_in_flight: 5.0,
///     ..Window::default()
/// };
/// let mut state = AdaptiveState::default();
/// for _ in 0..100 {
///     state.advance(&tick, &window, &config);
/// }
/// assert_eq!(state.mode(), Mode::Operational);
/// assert!(state.target() > 5.0);
/// let gate = state.law(None, &config).compile();
/// assert_eq!(f64::from(gate.rest()), config.base);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct AdaptiveState {
    mode: Mode,
    learned_ticks: u32,
    grain: Grain,
    elasticity: Elasticity,
    censored: Censored,
    baseline: Baseline,
    throughput: Throughput,
    health: MemoryOfHealth,
    ceiling: Ceiling,
    #[cfg_attr(feature = "serde", serde(rename = "work_target"))]
    target: Target,
    room: Room,
    admissions: Admissions,
    effectiveness: Effectiveness,
    debt: f64,
    missing: Missing,
    errors: ErrorShare,
    scar: Scar,
    momentum: Momentum,
    staleness: f64,
    evidence: RecentCompletions,
    charge: Charge,
    aged: Aged,
    runs: Runs,
}

impl AdaptiveState {
    /// One tick: the window's measurements move every law once, in the order of `manual/physics.md`
    /// section 3.
    ///
    /// `tick` carries the elapsed time with its decay factors, so that a pulse over many routes
    /// computes them once.
    #[must_use]
    #[inline]
    pub fn step(mut self, tick: &Tick, window: &Window, config: &AdaptiveConfig) -> Self {
        self.advance(tick, window, config);
        self
    }

    /// The same as [`step`](Self::step), in place: a pulse over many routes saves two copies of
    /// each.
    pub fn advance(&mut self, tick: &Tick, window: &Window, config: &AdaptiveConfig) {
        let window = window.neutralised();
        let patience = self.baseline.usual(window.mean_latency()).unwrap_or(0.0);
        let units = self.aged.step(&window, patience);
        if let Some(by) = self.grain.step(&units, tick.keep_5min) {
            self.rescale(&by);
        }
        let measured = self.grain.window(&units);
        let target = self.target.get();
        let reported = measured.reported(target, config.slo);
        let judged = reported.as_ref().unwrap_or(&measured);
        let delay = self.missing.delays(tick, &measured);
        let seen = Observation::new(&measured, judged, target, delay);

        let pace = self.learn_pace(tick, &seen, config);
        self.learn_capacity(tick, &seen, pace, config);
        self.judge(tick, &seen, config);
        self.mode = self.next_mode(config);
    }

    /// What is remembered in grains, in those of another size.
    #[cold]
    fn rescale(&mut self, by: &Rescale) {
        self.elasticity.rescale(by);
        self.baseline.rescale(by);
        self.throughput.rescale(by.counts);
        self.health.rescale(by.counts);
        self.ceiling.rescale(by.counts);
        self.target.rescale(by.counts);
        self.room.rescale(by.counts);
        self.missing.rescale(by.counts);
        self.debt *= by.counts;
    }

    /// Learns how fast the route answers, and what the crowd has to do with it.
    #[inline]
    fn learn_pace(&mut self, tick: &Tick, seen: &Observation<'_>, config: &AdaptiveConfig) -> Pace {
        self.elasticity.step(tick, seen, &self.baseline);
        self.censored.step(tick, seen.measured);
        let trust = self.censored.trust();
        let free = if config.laws.elasticity { trust * self.elasticity.free() } else { 0.0 };
        self.baseline.step(tick, seen, free, self.missing.is_silence(), config.slo);
        let strain = Strain::of(seen.crowd, &self.baseline);
        self.throughput.step(tick, seen.measured, strain, self.baseline.is_slowed());
        self.errors.step(tick, seen.judged);
        if self.mode != Mode::CircuitBreaker {
            self.runs.step(seen.measured);
        }
        self.missing.step(tick, seen.measured, self.throughput.get(), self.baseline.base());
        let unharmed = self.errors.get() < 0.5
            && !self.baseline.is_slowed()
            && !self.missing.is_silence()
            && trust > 0.0;
        Pace { free, strain, unharmed }
    }

    /// Learns what the route can carry, and whether carrying less would help it.
    #[inline]
    fn learn_capacity(&mut self, tick: &Tick, seen: &Observation<'_>, pace: Pace, config: &AdaptiveConfig) {
        let (measured, base) = (seen.measured, self.baseline.base());
        if self.mode == Mode::Operational && pace.is_health(seen) {
            self.health.step(tick, measured.mean_in_flight);
        }
        if config.laws.ceiling {
            self.ceiling.step(tick, measured, base);
        }
        let carried = Carried {
            throughput: &self.throughput,
            baseline: &self.baseline,
            health: &self.health,
            ceiling: &self.ceiling,
            pace,
        };
        self.target.step(tick, seen.crowd, &carried, config);
        let learned = Learned {
            throughput: &self.throughput,
            ceiling: &self.ceiling,
            base,
            is_slowed: self.baseline.is_slowed(),
            work_target: self.target.get(),
        };
        self.room.step(tick, measured, &learned, config);
        if tick.seconds > 0.0 {
            let causes = self.admissions.step(tick, measured, base);
            self.effectiveness.step(tick, causes, measured.failed);
        }
        // A route without traffic learns nothing, so only ticks that saw a completion count, or a call
        // whose callers had left: where all are, none completes.
        let is_lesson = seen.judged.completions() > 0 || measured.given_up > 0;
        let lessons = u32::from(is_lesson);
        self.learned_ticks = self.learned_ticks.saturating_add(lessons);
        // Overload from the first request on needs no more lessons: the room for learning is a
        // queue then.
        if seen.crowd == Crowd::Over && self.learned_ticks >= QUEUE_TICKS && self.elasticity.is_queue() {
            self.learned_ticks = self.learned_ticks.max(config.bootstrap_ticks);
        }
    }

    /// Turns what was learned into the terms of R, and into debt.
    #[inline]
    fn judge(&mut self, tick: &Tick, seen: &Observation<'_>, config: &AdaptiveConfig) {
        let (target, errors) = (self.room.get(), self.errors.get());
        self.debt = debt::relax(seen.measured.debt, tick, target, config);
        self.evidence.step(tick, seen.judged.judged());
        if config.laws.charge {
            let patience = self.baseline.usual(seen.measured.mean_latency()).unwrap_or(0.0);
            self.charge.step(tick, seen.measured, patience, target, self.is_well());
        }
        let saturation = saturation_pressure(seen.judged.mean_in_flight, target, config.gain);
        if self.mode == Mode::Bootstrap {
            self.scar = Scar::default();
            self.momentum = Momentum::at_rest(saturation, errors);
            self.staleness = 0.0;
            return;
        }
        // Silence does not wound: a tick without completions only heals, as a route does that has
        // no ticks.
        let answered = seen.judged.judged() > 0;
        let trauma = if answered { scar::trauma(errors, self.blame(config)) } else { 0.0 };
        self.scar.step(tick, trauma, config);
        self.momentum.step(tick, saturation, errors);
        self.staleness = staleness(seen.measured, self.baseline.longest_patience(config.slo), config);
    }

    /// The three modes; every arm is a sentence. The request path adds two more transitions,
    /// [`opened_dead`](Self::opened_dead) and [`closed`](Self::closed), which must not wait for a
    /// tick.
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

    /// The dead rule opened the breaker: the scar goes to its maximum and is held while the breaker
    /// is open.
    #[must_use]
    pub fn opened_dead(mut self, config: &AdaptiveConfig) -> Self {
        self.mode = Mode::CircuitBreaker;
        self.runs.forget_the_latest();
        self.scar = Scar::held(config.break_at - config.base);
        self
    }

    /// A probe succeeded: the route works again at once, without scar, debt, momentum, staleness or
    /// error share.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.mode = Mode::Operational;
        self.scar = Scar::default();
        self.momentum = Momentum::default();
        self.errors = ErrorShare::default();
        self.effectiveness.forget();
        self.runs.forget_the_latest();
        self.debt = 0.0;
        self.staleness = 0.0;
        self
    }

    /// A warm start: what an earlier run of this node knew, aged by the time that has passed since.
    ///
    /// An open breaker stays open, with its scar held: the first probe finds out. A scar alone
    /// needs no learning phase to brake, so such a route starts out operational; its target is
    /// still the one of a learning route.
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

    /// Too few ticks with a completion have been seen to believe N*.
    fn is_learning(&self, config: &AdaptiveConfig) -> bool {
        self.learned_ticks < config.bootstrap_ticks
    }

    /// How much debt one failure makes now, in slots (`manual/physics.md` section 3.4).
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

    /// How many failures in a row chance explains: so many more than `dead_after` call the route dead
    /// (`manual/physics.md` section 3.5).
    #[must_use]
    pub fn failures_by_chance(&self) -> u32 {
        self.runs.by_chance()
    }

    /// g: how far failures are the load's doing, 0..=1.
    pub(crate) fn blame(&self, config: &AdaptiveConfig) -> f64 {
        if config.laws.effectiveness { debt::gain(self.effectiveness.get()) } else { 1.0 }
    }
}

/// Where so many calls fail, those that do not come back may fail as well.
const HARDLY_ANY: f64 = 0.1;

/// Ticks with a completion before a queue is believed in.
const QUEUE_TICKS: u32 = 4;
