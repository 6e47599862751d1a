// SPDX-License-Identifier: Apache-2.0
//! Gradient2, after `Gradient2Limit` of Netflix' concurrency-limits.
//!
//! `gradient = clamp(tolerance long/short, 0.5, 1)`, `limit <- 0.8 limit + 0.2 (limit gradient +
//! queue)`, the long latency an exponential mean over 600 samples that starts as a plain mean of
//! ten. Fed by windows, as the library's `WindowedLimit` does ([`super::windowed`]); fed answer by
//! answer it takes the spread of service times for a queue. Simplified: the floor is 4 instead of
//! 20, because 20 would be a limit of its own for small services; failures do not enter, as there.

use super::windowed::Update;

#[derive(Debug)]
pub(super) struct Gradient2 {
    limit: f64,
    queue: f64,
    long: f64,
    seen: f64,
}

impl Gradient2 {
    /// `queue` is the allowance for bursts; 4 is the library's.
    pub(super) fn new(queue: f64) -> Self {
        Self { limit: 20.0, queue, long: 0.0, seen: 0.0 }
    }
}

impl Update for Gradient2 {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn update(&mut self, short: f64, in_flight: f64, _: bool) {
        if self.seen < 10.0 {
            self.seen += 1.0;
            self.long += (short - self.long) / self.seen;
        } else {
            self.long += (short - self.long) * 2.0 / 601.0;
        }
        // A long latency that is far too high comes down faster.
        if self.long / short > 2.0 {
            self.long *= 0.95;
        }
        // Not while there is demand for less than half of it.
        if in_flight < self.limit / 2.0 {
            return;
        }
        let gradient = (TOLERANCE * self.long / short).clamp(0.5, 1.0);
        let new = self.limit * gradient + self.queue;
        self.limit = (self.limit * 0.8 + new * 0.2).clamp(4.0, 2000.0);
    }
}

const TOLERANCE: f64 = 1.5;
