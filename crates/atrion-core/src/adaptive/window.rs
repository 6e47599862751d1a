// SPDX-License-Identifier: Apache-2.0

use super::Pairs;

/// What was counted and measured on one route between two ticks.
///
/// Failures that say nothing new (of requests from before the latest success or close, section 3.6) are left out by
/// whoever counts. All sums are plain numbers: a bad one is neutralised at the step's border, never believed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(clippy::exhaustive_structs)] // input of a pure function: whoever builds one must think of every field
pub struct Window {
    /// Requests let through.
    pub admitted: u64,
    /// Completions that were a success in time.
    pub succeeded: u64,
    /// Completions that were a failure.
    pub failed: u64,
    /// Completions without failure, but later than the SLO.
    pub late: u64,
    /// Sum of the latencies of the `succeeded + late` completions, in seconds.
    pub latency_sum: f64,
    /// The passive experiment behind elasticity: in-flight count at admission against latency.
    pub pairs: Pairs,
    /// Time-weighted mean of the in-flight count over the window, without debt.
    pub mean_in_flight: f64,
    /// Requests in flight at the end of the window.
    pub in_flight: u64,
    /// Debt D at the end of the window, in slots.
    pub debt: f64,
    /// Seconds since the latest completion, or since the start if there was none.
    pub since_completion: f64,
    /// Mean age of what is in flight at the end of the window, in seconds.
    pub mean_age: f64,
}

impl Window {
    /// Completions of any kind.
    #[must_use]
    pub const fn completions(&self) -> u64 {
        self.succeeded.saturating_add(self.failed).saturating_add(self.late)
    }

    /// Completions that carry a latency: everything but failures.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.succeeded.saturating_add(self.late)
    }

    /// Mean latency of the window, if there was a sample.
    #[must_use]
    pub fn mean_latency(&self) -> Option<f64> {
        (self.samples() > 0).then(|| self.latency_sum / self.samples() as f64)
    }

    /// The same window with every number finite and not negative.
    #[must_use]
    pub(super) fn neutralised(&self) -> Self {
        Self {
            latency_sum: sane(self.latency_sum),
            pairs: self.pairs.neutralised(),
            mean_in_flight: sane(self.mean_in_flight),
            debt: sane(self.debt),
            since_completion: sane(self.since_completion),
            mean_age: sane(self.mean_age),
            ..*self
        }
    }
}

/// Bounds a sum so that products of two stay finite; what is not a number counts as nothing.
pub(super) fn sane(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1e12) }
}
