// SPDX-License-Identifier: Apache-2.0
//! Additive increase, multiplicative decrease, after `AIMDLimit` of Netflix' concurrency-limits.
//!
//! Simplified: nothing. A failure, or an answer later than the timeout, takes the limit times 0.9;
//! an answer while at least half of the limit is in use adds one. The timeout is the deadline where
//! it is told, else the library's 5 s.

use std::time::Duration;

use atrion_core::Mono;

use super::Ended;
use super::limited::Limit;

#[derive(Debug)]
pub(super) struct Aimd {
    limit: f64,
    timeout: Duration,
}

impl Aimd {
    pub(super) fn new(deadline: Option<Duration>) -> Self {
        Self { limit: 20.0, timeout: deadline.unwrap_or(Duration::from_secs(5)) }
    }
}

impl Limit for Aimd {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn ended(&mut self, _: Mono, ended: Ended, took: Duration, in_flight: f64) {
        if ended == Ended::Failed || took > self.timeout {
            self.limit *= 0.9;
        } else if in_flight * 2.0 >= self.limit {
            self.limit += 1.0;
        }
        // The library's own floor of 20 would be a limit of its own for the small services here.
        self.limit = self.limit.clamp(2.0, 2000.0);
    }
}
