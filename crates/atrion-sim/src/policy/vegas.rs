// SPDX-License-Identifier: Apache-2.0
//! Vegas, after `VegasLimit` of Netflix' concurrency-limits.
//!
//! The queue is estimated as `limit (1 - rtt_noload/rtt)`; under 3 log10(limit) the limit grows,
//! over 6 log10(limit) it shrinks, by log10(limit). The least latency is learned anew from time to
//! time (a probe), without the library's jitter. Fed by windows, as Gradient2 is.

use super::windowed::Update;

#[derive(Debug)]
pub(super) struct Vegas {
    limit: f64,
    noload: f64,
    until_probe: f64,
}

impl Vegas {
    pub(super) fn new() -> Self {
        Self { limit: 20.0, noload: 0.0, until_probe: 600.0 }
    }
}

impl Update for Vegas {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn update(&mut self, rtt: f64, in_flight: f64, failed: bool) {
        self.until_probe -= 1.0;
        if self.until_probe <= 0.0 {
            // Thirty limits' worth of updates, as in the library.
            self.until_probe = 30.0 * self.limit;
            self.noload = rtt;
            return;
        }
        if self.noload <= 0.0 || rtt < self.noload {
            self.noload = rtt;
            return;
        }
        let log = libm::log10(self.limit).max(1.0);
        let queue = libm::ceil(self.limit * (1.0 - self.noload / rtt));
        let new = if failed {
            self.limit - log
        } else if in_flight * 2.0 < self.limit {
            return;
        } else if queue <= log {
            self.limit + 6.0 * log
        } else if queue < 3.0 * log {
            self.limit + log
        } else if queue > 6.0 * log {
            self.limit - log
        } else {
            return;
        };
        self.limit = new.clamp(2.0, 1000.0);
    }
}
