// SPDX-License-Identifier: Apache-2.0
//! DAGOR of WeChat ("Overload Control for Scaling WeChat Microservices", 2018): overloaded when the
//! mean queueing time of the window exceeds 20 ms; then the admission level is set so that 5 %
//! fewer than were admitted would pass, else so that 1 % more would.
//!
//! Levels are tiers with 128 user levels each, where the user's level changes every five seconds
//! here instead of every hour. The window is a second or 2,000 requests. It needs the queueing
//! time, so it stands in the server.

use std::time::Duration;

use atrion_core::Mono;

use super::{Ended, Policy, Request};

#[derive(Debug)]
pub(super) struct Dagor {
    /// Requests of the window by level, the most important first.
    counts: Vec<u32>,
    /// Levels from here on are refused.
    admits_below: usize,
    incoming: u32,
    admitted: u32,
    waited: f64,
    served: u32,
    since: Mono,
}

impl Dagor {
    pub(super) fn new() -> Self {
        Self {
            counts: vec![0; LEVELS],
            admits_below: LEVELS,
            incoming: 0,
            admitted: 0,
            waited: 0.0,
            served: 0,
            since: Mono::ZERO,
        }
    }

    fn level(request: &Request, now: Mono) -> usize {
        // Voltage is tier and user level in one number, so the ladder is cut into levels from the
        // top.
        let share = (100.0 - request.volts(now).get()) / 86.0;
        ((share * LEVELS as f64) as usize).min(LEVELS - 1)
    }

    fn close_window(&mut self, now: Mono) {
        let overloaded = self.served > 0 && self.waited / f64::from(self.served) > 0.02;
        let goal = f64::from(self.admitted) * if overloaded { 0.95 } else { 1.0 };
        let goal = if overloaded { goal } else { goal + 0.01 * f64::from(self.incoming) };
        let (mut prefix, mut level) = (0.0, 0);
        while level < LEVELS && prefix + f64::from(self.counts[level]) <= goal {
            prefix += f64::from(self.counts[level]);
            level += 1;
        }
        self.admits_below = level.max(1);
        self.counts.fill(0);
        (self.incoming, self.admitted, self.waited, self.served, self.since) = (0, 0, 0.0, 0, now);
    }
}

impl Policy for Dagor {
    fn admit(&mut self, now: Mono, request: &Request, _: u32) -> bool {
        let level = Self::level(request, now);
        self.counts[level] += 1;
        self.incoming += 1;
        let passes = level < self.admits_below;
        self.admitted += u32::from(passes);
        if self.incoming >= 2000 {
            self.close_window(now);
        }
        passes
    }

    fn finish(&mut self, _: Mono, _: u32, _: Ended, _: Duration) {}

    fn served(&mut self, _: Mono, waited: Duration) {
        self.waited += waited.as_secs_f64();
        self.served += 1;
    }

    fn tick(&mut self, now: Mono) {
        if now.since(self.since) >= Duration::from_secs(1) {
            self.close_window(now);
        }
    }
}

const LEVELS: usize = 5 * 128;
