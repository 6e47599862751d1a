// SPDX-License-Identifier: Apache-2.0
//! The preset's law as it was first specified: what later laws must not be worse than in health.
//!
//! N* is twice the work in service and the root of it, the slack shrinks while saturation lasts,
//! and the baseline rises under saturation as far as latency does not rise with the crowd. R is the
//! ladder of today. Simplified: nothing knows failures (no debt, no scar, no breaker), for in health
//! there are none.

use std::time::Duration;

use atrion_core::Mono;

use super::{Ended, Policy, Request};

/// The law and the window that it is fed by.
#[derive(Debug)]
pub(super) struct First {
    slo: f64,
    in_flight: f64,
    /// In-flight counts at admission, by call.
    at: Vec<f64>,
    /// When the in-flight count last moved, and when a request last passed.
    moved: Mono,
    passed: Mono,
    ticked: Mono,
    window: Window,
    ticks: u32,
    target: f64,
    slope: Sums,
    baseline: f64,
    learned: Window,
    latency: f64,
    fast: f64,
    throughput: f64,
    health: f64,
    saturated: f64,
}

#[derive(Debug, Default)]
struct Window {
    /// In-flight count times time.
    area: f64,
    answers: f64,
    in_time: f64,
    /// Seconds, summed over the answers.
    latency: f64,
    pairs: Sums,
}

/// Over pairs of (in-flight count at admission, latency).
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl First {
    pub(super) fn new(slo: Option<Duration>) -> Self {
        Self {
            slo: slo.map_or(f64::INFINITY, |slo| slo.as_secs_f64()),
            in_flight: 0.0,
            at: Vec::new(),
            moved: Mono::ZERO,
            passed: Mono::ZERO,
            ticked: Mono::ZERO,
            window: Window::default(),
            ticks: 0,
            target: 0.0,
            slope: Sums::default(),
            baseline: 0.0,
            learned: Window::default(),
            latency: 0.0,
            fast: 0.0,
            throughput: 0.0,
            health: 0.0,
            saturated: 0.0,
        }
    }

    fn count(&mut self, now: Mono) {
        self.window.area += self.in_flight * now.since(self.moved).as_secs_f64();
        self.moved = now;
    }

    fn learn(&mut self, dt: f64, window: &Window) {
        let f = |tau: f64| 1.0 - libm::exp(-dt / tau);
        let crowd = window.area / dt;
        let is_over = crowd > self.target;
        self.slope = self.slope.after(libm::exp(-dt / 3.0), &window.pairs);
        if window.answers > 0.0 {
            let mean = window.latency / window.answers;
            if f64::from(self.ticks) * dt < 10.0 {
                self.learned.answers += window.answers;
                self.learned.latency += window.latency;
                self.baseline = self.learned.latency / self.learned.answers;
            } else if !is_over || mean <= self.baseline {
                self.baseline += (mean - self.baseline) * f(20.0);
            } else {
                let free = (1.0 - self.slope.elasticity() / 0.6).clamp(0.0, 1.0);
                self.baseline = (self.baseline + (mean - self.baseline) * f(1.0) * free).min(self.slo);
            }
            self.latency += (mean - self.latency) * f(0.15).min(window.answers / 10.0);
        }
        let is_strained = crowd >= 0.9 * self.target || self.latency > 2.0 * self.baseline;
        self.fast += (window.in_time / dt - self.fast) * f(0.4);
        if self.fast > self.throughput {
            self.throughput = self.fast;
        } else if is_strained {
            self.throughput += (self.fast - self.throughput) * f(1.6);
        }
        if !is_strained && self.ticks >= BOOTSTRAP {
            self.health += (crowd - self.health) * f(10.0);
        }
        self.saturated += (f64::from(u8::from(is_over)) - self.saturated) * f(2.0);
        let work = self.throughput * self.baseline;
        let slack = work + 2.0 * libm::sqrt(2.0 * work);
        self.target = (work + (1.0 - 0.75 * self.saturated) * slack).max(1.2 * self.health).max(4.0);
    }
}

impl Policy for First {
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool {
        self.count(now);
        let target = if self.ticks < BOOTSTRAP { self.target.max(200.0) } else { self.target };
        let height = (request.volts(now).get() - 10.0) / 90.0;
        let silence = if self.in_flight < 4.0 { 0.2 } else { 1.0 };
        let is_probe = now.since(self.passed).as_secs_f64() >= silence;
        let passes = self.in_flight < target * (1.0 + libm::atanh(height) / 1.5) || is_probe;
        if passes {
            let place = call as usize;
            if self.at.len() <= place {
                self.at.resize(place + 1, 0.0);
            }
            self.at[place] = self.in_flight;
            self.in_flight += 1.0;
            self.passed = now;
        }
        passes
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, took: Duration) {
        self.count(now);
        self.in_flight -= 1.0;
        if ended.is_answer() {
            let (x, y) = (self.at[call as usize], took.as_secs_f64());
            self.window.answers += 1.0;
            self.window.in_time += f64::from(u8::from(y <= self.slo));
            self.window.latency += y;
            self.window.pairs =
                self.window.pairs.after(1.0, &Sums { count: 1.0, x, y, xx: x * x, xy: x * y });
        }
    }

    fn tick(&mut self, now: Mono) {
        self.count(now);
        let dt = now.since(self.ticked).as_secs_f64();
        self.ticked = now;
        if dt > 0.0 {
            let window = std::mem::take(&mut self.window);
            self.learn(dt, &window);
            self.ticks = self.ticks.saturating_add(1);
        }
    }
}

impl Sums {
    fn after(&self, keep: f64, new: &Self) -> Self {
        Self {
            count: self.count * keep + new.count,
            x: self.x * keep + new.x,
            y: self.y * keep + new.y,
            xx: self.xx * keep + new.xx,
            xy: self.xy * keep + new.xy,
        }
    }

    /// The slope of latency over the crowd, both relative to their means: 1 is a queue, 0 are free
    /// workers, and no evidence is 1.
    fn elasticity(&self) -> f64 {
        let (mean_x, mean_y) = (self.x / self.count, self.y / self.count);
        let variance = self.xx / (mean_x * mean_x) - self.count;
        let covariance = self.xy / (mean_x * mean_y) - self.count;
        let slope = (covariance + 1.0) / (variance + 1.0);
        if slope.is_finite() { slope } else { 1.0 }
    }
}

/// Ticks in which at least two hundred may be in flight.
const BOOTSTRAP: u32 = 10;
