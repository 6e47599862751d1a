// SPDX-License-Identifier: Apache-2.0
//! Latency and its baseline (`docs/physics.md` section 3.3).

use core::time::Duration;

use super::{Tick, Window};

/// L, the latency of now, and L0, the latency of a route that is not crowded. Both in seconds, 0 while unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Baseline {
    latency: f64,
    base: f64,
    learned_for: f64,
    learned_samples: f64,
}

impl Baseline {
    /// `crowded`: the mean in-flight count was above N*, so a higher latency may be the crowd's doing.
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        window: &Window,
        crowded: bool,
        elasticity: f64,
        slo: Option<Duration>,
    ) {
        if self.learned_samples > 0.0 {
            self.learned_for += tick.seconds;
        }
        let Some(mean) = window.mean_latency() else { return };
        let samples = window.samples() as f64;
        self.latency += (mean - self.latency) * tick.gain_latency.min(samples / 10.0);

        if crowded && mean > self.base && self.base > 0.0 {
            // Only what does not come from the crowd lifts the baseline, and never above what was promised.
            let ceiling = slo.map_or(f64::INFINITY, |slo| slo.as_secs_f64());
            let free = (1.0 - elasticity / 0.6).clamp(0.0, 1.0);
            let lifted = self.base + (mean - self.base) * tick.gain_elastic * free;
            self.base = lifted.min(ceiling.max(self.base));
        } else if self.learned_for < LEARNING_SECONDS {
            self.learned_samples += samples;
            self.base += (mean - self.base) * samples / self.learned_samples;
        } else {
            self.base += (mean - self.base) * tick.gain_baseline;
        }
    }

    /// L: the latency of now, in seconds.
    #[must_use]
    pub const fn latency(&self) -> f64 {
        self.latency
    }

    /// L0: the latency of a route that is not crowded, in seconds.
    #[must_use]
    pub const fn base(&self) -> f64 {
        self.base
    }

    /// The latency of now is above what is accepted, twice the baseline.
    pub(super) fn is_stretched(&self) -> bool {
        self.latency > 2.0 * self.base
    }

    /// `L_max`: after this long without an answer a call counts as hung. The SLO, or five baselines.
    pub(super) fn longest_patience(&self, slo: Option<Duration>) -> f64 {
        slo.map_or(5.0 * self.base, |slo| slo.as_secs_f64())
    }
}

/// So long the baseline is the plain mean of all samples; afterwards it follows with a time constant of 20 s.
const LEARNING_SECONDS: f64 = 10.0;
