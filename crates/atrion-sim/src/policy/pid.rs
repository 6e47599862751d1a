// SPDX-License-Identifier: Apache-2.0
//! A PID controller in the manner of Uber's Cinnamon (2023): the share of requests to reject
//! follows the excess of arrivals over departures relative to departures, and a limit on calls in
//! flight is tuned by latency against throughput. The lowest priorities of the last thousand
//! requests are rejected first.
//!
//! Simplified: Cinnamon queues before its limit, and this gate has no queue of its own, so calls
//! over the tuned limit stand for its queue; its auto-tuner is a Vegas on half-second windows.
//! After the blog posts, for there is no source.

use std::time::Duration;

use atrion_core::Mono;

use super::{Ended, Policy, Request};

#[derive(Debug)]
pub(super) struct Pid {
    reject: f64,
    integral: f64,
    last_error: f64,
    limit: f64,
    least: f64,
    in_flight: f64,
    arrived: f64,
    passed: f64,
    ended: f64,
    latency: f64,
    ticks: u32,
    last_empty: Mono,
    recent: Vec<f64>,
    nth: usize,
    threshold: f64,
}

impl Pid {
    pub(super) fn new() -> Self {
        Self {
            reject: 0.0,
            integral: 0.0,
            last_error: 0.0,
            limit: 20.0,
            least: f64::INFINITY,
            in_flight: 0.0,
            arrived: 0.0,
            passed: 0.0,
            ended: 0.0,
            latency: 0.0,
            ticks: 0,
            last_empty: Mono::ZERO,
            recent: Vec::new(),
            nth: 0,
            threshold: 0.0,
        }
    }

    fn control(&mut self, now: Mono) {
        let standing = now.since(self.last_empty) > Duration::from_millis(500);
        let out = self.ended.max(1.0);
        // Requests that came and would not have found room, over what left.
        let free = (self.limit - self.in_flight).max(0.0);
        let error = if standing { (self.passed - self.ended - free).max(0.0) / out + 0.1 } else { -0.1 };
        self.integral = (self.integral + error * 0.5).clamp(0.0, 5.0);
        let drive = 0.1 * error + 0.2 * self.integral + 0.05 * (error - self.last_error);
        self.last_error = error;
        self.reject = if standing || self.integral > 0.0 { drive.clamp(0.0, 0.95) } else { 0.0 };
        self.tune();
        let mut sorted = self.recent.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (self.reject * sorted.len() as f64) as usize;
        self.threshold = if self.reject > 0.0 { sorted.get(place).copied().unwrap_or(0.0) } else { 0.0 };
        (self.arrived, self.passed, self.ended, self.latency) = (0.0, 0.0, 0.0, 0.0);
    }

    fn tune(&mut self) {
        if self.ended < 5.0 {
            return;
        }
        let mean = self.latency / self.ended;
        self.least = (self.least * 1.005).min(mean);
        let queue = self.limit * (1.0 - self.least / mean);
        let step = libm::log10(self.limit).max(1.0);
        if queue < 3.0 * step && self.in_flight * 2.0 > self.limit {
            self.limit += step;
        } else if queue > 6.0 * step {
            self.limit -= step;
        }
        self.limit = self.limit.clamp(2.0, 2000.0);
    }
}

impl Policy for Pid {
    fn admit(&mut self, now: Mono, request: &Request, _: u32) -> bool {
        let volts = request.volts(now).get();
        self.arrived += 1.0;
        if self.recent.len() < 1000 {
            self.recent.push(volts);
        } else {
            self.recent[self.nth % 1000] = volts;
        }
        self.nth += 1;
        // Its queue has a bound, too: four limits.
        let passes = volts >= self.threshold && self.in_flight < 5.0 * self.limit;
        if passes {
            self.in_flight += 1.0;
            self.passed += 1.0;
        }
        passes
    }

    fn finish(&mut self, now: Mono, _: u32, _: Ended, took: Duration) {
        self.in_flight -= 1.0;
        self.ended += 1.0;
        self.latency += took.as_secs_f64();
        if self.in_flight < self.limit {
            self.last_empty = now;
        }
    }

    fn tick(&mut self, now: Mono) {
        self.ticks += 1;
        if self.in_flight < self.limit {
            self.last_empty = now;
        }
        if self.ticks.is_multiple_of(5) {
            self.control(now);
        }
    }
}
