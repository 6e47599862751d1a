// SPDX-License-Identifier: Apache-2.0
//! One route with one thread: the request path in its plainest form, as `manual/physics.md` section
//! 3.6 words it.
//!
//! The engine does the same with atomics. Here it is sequential, so that the laws can be tried in a
//! closed loop without an engine.

use std::time::Duration;

use atrion_core::adaptive::probe::{ProbeBucket, longest_silence};
use atrion_core::adaptive::{AdaptiveState, DeadRule, debt};
use atrion_core::{AdaptiveConfig, Gate, Mode, Mono, Tick, Volts, Window};

use super::given::ladder;

pub(crate) struct Route {
    pub(crate) config: AdaptiveConfig,
    pub(crate) state: AdaptiveState,
    pub(crate) in_flight: u64,
    pub(crate) debt: f64,
    gate: Gate,
    run: u32,
    generation: u32,
    successes: u32,
    evidence_floor: Mono,
    last_success: Mono,
    last_completion: Mono,
    last_pass: Mono,
    probes: ProbeBucket,
    window: Window,
    window_start: Mono,
    /// Integral of the in-flight count over the window, up to `moved`.
    area: f64,
    moved: Mono,
    /// Sum of the start times of the calls in flight, in nanoseconds.
    starts: i128,
}

/// A request that was let through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) start: Mono,
    pub(crate) probe: bool,
    generation: u32,
    in_flight: u64,
}

impl Route {
    pub(crate) fn new(config: AdaptiveConfig) -> Self {
        Self::from_state(AdaptiveState::default(), config, Mono::ZERO)
    }

    pub(crate) fn from_state(state: AdaptiveState, config: AdaptiveConfig, now: Mono) -> Self {
        Self {
            gate: state.law(None, &config).compile(),
            config,
            state,
            in_flight: 0,
            debt: 0.0,
            run: 0,
            generation: 0,
            successes: 0,
            evidence_floor: Mono::ZERO,
            last_success: now,
            last_completion: now,
            last_pass: now,
            probes: ProbeBucket::full(now),
            window: Window::default(),
            window_start: now,
            area: 0.0,
            moved: now,
            starts: 0,
        }
    }

    /// Whether the law alone lets a request of `volts` through now.
    pub(crate) fn obeys(&self, volts: Volts) -> bool {
        let occupied = self.in_flight as f64 + self.debt;
        self.state.mode() != Mode::CircuitBreaker && occupied < f64::from(self.gate.slots(volts, ladder()))
    }

    pub(crate) fn admit(&mut self, now: Mono, volts: Volts) -> Option<Call> {
        let obeys = self.obeys(volts);
        if !obeys && !self.may_probe(now, volts) {
            self.window.refused += 1;
            return None;
        }
        let in_flight = self.in_flight;
        self.move_in_flight(now, in_flight + 1);
        self.starts += i128::from(now.as_nanos());
        self.last_pass = now;
        self.window.admitted += 1;
        Some(Call { start: now, probe: !obeys, generation: self.generation, in_flight })
    }

    fn may_probe(&mut self, now: Mono, volts: Volts) -> bool {
        if self.state.mode() != Mode::CircuitBreaker {
            return now.since(self.last_pass) >= longest_silence(self.in_flight, volts);
        }
        let left = self.probes.take(now, self.in_flight, volts);
        self.probes = left.unwrap_or(self.probes);
        left.is_some()
    }

    pub(crate) fn finish(&mut self, now: Mono, call: Call, failed: bool) {
        self.move_in_flight(now, self.in_flight - 1);
        self.starts -= i128::from(call.start.as_nanos());
        let late = self.config.slo.is_some_and(|slo| now.since(call.start) > slo);
        if (failed || late) && call.start < self.evidence_floor {
            return;
        }
        self.last_completion = now;
        let latency = now.seconds_since(call.start);
        if failed {
            let x = call.in_flight as f64;
            self.window.failed += 1;
            self.window.failures.x += x;
            self.window.failures.xx += x * x;
            self.window.failures.held += latency;
            self.debt += self.state.debt_gain(&self.config);
        } else {
            self.window.latency_sum += latency;
            self.window.pairs = self.window.pairs.with(call.in_flight as f64, latency);
            if late {
                self.window.late += 1;
            } else {
                self.window.succeeded += 1;
            }
        }
        if failed || late {
            if self.state.mode() == Mode::CircuitBreaker && call.generation == self.generation {
                self.probes = self.probes.after_failure(now.since(call.start));
            }
            self.run = self.run.saturating_add(1);
            self.open_if_dead(now);
        } else {
            self.succeed(now, call);
        }
    }

    pub(crate) fn tick(&mut self, now: Mono) {
        let elapsed = now.since(self.window_start);
        self.move_in_flight(now, self.in_flight);
        let seconds = elapsed.as_secs_f64();
        let mean_age = if self.in_flight > 0 {
            now.as_nanos() as f64 * 1e-9 - self.starts as f64 * 1e-9 / self.in_flight as f64
        } else {
            0.0
        };
        let window = Window {
            mean_in_flight: if seconds > 0.0 { self.area / seconds } else { 0.0 },
            in_flight: self.in_flight,
            debt: self.debt,
            since_completion: now.seconds_since(self.last_completion),
            mean_age,
            ..self.window
        };
        let before = self.state.mode();
        self.state = self.state.step(&Tick::new(elapsed, &self.config), &window, &self.config);
        self.debt = self.state.debt();
        if before != Mode::CircuitBreaker && self.state.mode() == Mode::CircuitBreaker {
            self.on_opening(now);
        }
        self.open_if_dead(now);
        self.publish();
        (self.window, self.window_start, self.area) = (Window::default(), now, 0.0);
    }

    fn succeed(&mut self, now: Mono, call: Call) {
        self.run = 0;
        self.last_success = now;
        self.debt = (self.debt - debt::REPAYMENT).max(0.0);
        if self.state.mode() != Mode::CircuitBreaker {
            return;
        }
        self.evidence_floor = now;
        if call.generation == self.generation {
            self.successes += 1;
            if self.successes >= self.config.successes_to_close {
                self.state = self.state.closed();
                self.debt = 0.0;
                self.publish();
            }
        }
    }

    fn open_if_dead(&mut self, now: Mono) {
        let silence: Duration = now.since(self.last_success);
        if DeadRule::of(&self.config).holds(self.state.mode(), self.run, silence) {
            self.state = self.state.opened_dead(&self.config);
            self.on_opening(now);
            self.publish();
        }
    }

    fn on_opening(&mut self, now: Mono) {
        self.generation += 1;
        self.successes = 0;
        self.probes = ProbeBucket::full(now);
    }

    fn publish(&mut self) {
        self.gate = self.state.law(None, &self.config).compile();
    }

    fn move_in_flight(&mut self, now: Mono, to: u64) {
        self.area += self.in_flight as f64 * now.seconds_since(self.moved);
        self.moved = self.moved.max(now);
        self.in_flight = to;
    }
}
