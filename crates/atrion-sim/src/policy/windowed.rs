// SPDX-License-Identifier: Apache-2.0
//! Answers gathered into windows, after `WindowedLimit` of Netflix' concurrency-limits: at least
//! ten answers and a tenth of a second (there a second by default, with which every latency-based
//! limit does worse here), the mean of their latencies, the most that were in flight.

use std::time::Duration;

use atrion_core::Mono;

use super::Ended;
use super::limited::Limit;

/// A limit that moves once per window.
pub(super) trait Update {
    fn limit(&self) -> f64;

    /// `latency` is the mean of the window in seconds, `in_flight` the most of it; whether a call
    /// of it failed.
    fn update(&mut self, latency: f64, in_flight: f64, failed: bool);
}

#[derive(Debug)]
pub(super) struct Windowed<U> {
    inner: U,
    since: Mono,
    sum: f64,
    count: f64,
    most: f64,
    failed: bool,
}

impl<U> Windowed<U> {
    pub(super) fn new(inner: U) -> Self {
        Self { inner, since: Mono::ZERO, sum: 0.0, count: 0.0, most: 0.0, failed: false }
    }
}

impl<U: Update> Limit for Windowed<U> {
    fn limit(&self) -> f64 {
        self.inner.limit()
    }

    fn ended(&mut self, now: Mono, ended: Ended, took: Duration, in_flight: f64) {
        match ended {
            Ended::Failed => self.failed = true,
            Ended::Left => {}
            Ended::Answered | Ended::Ignored => {
                self.sum += took.as_secs_f64();
                self.count += 1.0;
                self.most = self.most.max(in_flight);
            }
        }
        if self.count >= 10.0 && now.since(self.since) >= WINDOW {
            self.inner.update((self.sum / self.count).max(1e-9), self.most, self.failed);
            (self.since, self.sum, self.count, self.most, self.failed) = (now, 0.0, 0.0, 0.0, false);
        }
    }
}

const WINDOW: Duration = Duration::from_millis(100);
