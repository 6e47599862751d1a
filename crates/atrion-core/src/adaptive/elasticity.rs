// SPDX-License-Identifier: Apache-2.0
//! Elasticity (`manual/physics.md` section 3.3): does latency rise with the in-flight count?
//!
//! The ordinary noise of arrivals is the experiment. In a queue twice the crowd means twice the
//! wait (slope 1); with free workers the crowd makes no difference (slope 0). The slope of latency
//! over in-flight count, both relative to their means, tells which of the two a slower service is.

use super::window::is_sane;
use super::{Baseline, Observation, Rescale, Tick};

/// Sums over pairs of (in-flight count at admission, latency in seconds) of completions without
/// failure.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Pairs {
    /// Number of pairs.
    pub count: f64,
    /// Sum of the in-flight counts.
    pub x: f64,
    /// Sum of the latencies.
    pub y: f64,
    /// Sum of the squared in-flight counts.
    pub xx: f64,
    /// Sum of the products.
    pub xy: f64,
}

impl Pairs {
    /// The sums with one pair more.
    #[must_use]
    pub fn with(self, in_flight: f64, latency: f64) -> Self {
        Self {
            count: self.count + 1.0,
            x: self.x + in_flight,
            y: self.y + latency,
            xx: self.xx + in_flight * in_flight,
            xy: self.xy + in_flight * latency,
        }
    }

    /// The sums as if every pair were the mean one: the differences among the pairs are left out.
    fn pooled(self) -> Self {
        let count = self.count.max(1.0);
        Self { xx: self.x * self.x / count, xy: self.x * self.y / count, ..self }
    }

    /// The sums mean something only together: where one is not sane, or they are of less than one
    /// pair, all are left out.
    pub(super) fn neutralised(self) -> Self {
        let sums = [self.count, self.x, self.y, self.xx, self.xy];
        let are_sane = self.count >= 1.0 && sums.into_iter().all(is_sane);
        if are_sane { self } else { Self::default() }
    }
}

/// The regression's decaying sums.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Elasticity(Pairs);

impl Elasticity {
    /// `baseline` is the one of the last tick. While it is learned, the route is so young that
    /// nothing was in flight before its first pairs.
    pub(super) fn step(&mut self, tick: &Tick, seen: &Observation<'_>, baseline: &Baseline) {
        let new = seen.pairs();
        let slow = !baseline.is_learning() && new.y > SLOW * new.count;
        let keep = if seen.crowd.is_over() && self.is_of_another_regime(baseline.latency()) {
            tick.keep_300ms
        } else if slow {
            tick.keep_10s
        } else {
            tick.keep_3s
        };
        let old = self.0;
        let new = if slow { new.pooled() } else { new };
        self.0 = Pairs {
            count: old.count * keep + new.count,
            x: old.x * keep + new.x,
            y: old.y * keep + new.y,
            xx: old.xx * keep + new.xx,
            xy: old.xy * keep + new.xy,
        };
    }

    /// The sums describe a service that has changed since: latency is far above theirs, or rises
    /// faster than any queue's. By Little's law crowd and latency rise together wherever calls
    /// become slower, with free workers as well, so a comparison across such a change shows a queue
    /// whatever the truth is.
    fn is_of_another_regime(&self, latency: f64) -> bool {
        let Pairs { count, y, .. } = self.0;
        count > 1.0 && (latency * count > SHIFTED * y || self.get() > STEEPEST)
    }

    pub(super) fn rescale(&mut self, by: &Rescale) {
        let Rescale { counts, latency } = *by;
        self.0.x *= counts;
        self.0.xx *= counts * counts;
        self.0.y *= latency;
        self.0.xy *= counts * latency;
    }

    /// phi, 0..=1: as far as latency does not rise with the crowd, the crowd is no reason to doubt
    /// it.
    pub(super) fn free(&self) -> f64 {
        (1.0 - self.get() / FREE_UNTIL).clamp(0.0, 1.0)
    }

    /// Latency does rise with the crowd, and the crowd has moved enough to show it.
    pub(super) fn is_queue(&self) -> bool {
        let Pairs { count, x, xx, .. } = self.0;
        self.get() >= FREE_UNTIL && count * xx > (1.0 + 1.0 / count) * x * x
    }

    /// The slope eps. Without evidence it is 1, a queue. One pseudo-observation of a queue keeps
    /// thin evidence near 1.
    pub(super) fn get(&self) -> f64 {
        let Pairs { count, x, y, xx, xy } = self.0;
        if count <= 0.0 || x <= 0.0 || y <= 0.0 {
            return 1.0;
        }
        let (mean_x, mean_y) = (x / count, y / count);
        let variance = xx / (mean_x * mean_x) - count;
        let covariance = xy / (mean_x * mean_y) - count;
        let slope = (covariance + 1.0) / (variance + 1.0);
        // Rounding can take the variance a little under zero; a slope that is no number is no
        // evidence.
        if variance > -0.5 && slope.is_finite() { slope } else { 1.0 }
    }
}

/// At this slope nothing is left of the belief in free workers.
const FREE_UNTIL: f64 = 0.6;

/// A latency of this multiple of the remembered mean belongs to another regime.
const SHIFTED: f64 = 1.5;

/// In a queue latency is proportional to the crowd; a slope that is clearly steeper mixes two
/// regimes.
const STEEPEST: f64 = 1.2;

/// Seconds of latency, a few ticks, from which on pairs are compared between windows only. Calls
/// that come back in the same window started at different times, the quick ones last: while a crowd
/// grows, the quick calls have met the larger one, and a queue would look like free workers.
const SLOW: f64 = 0.3;
