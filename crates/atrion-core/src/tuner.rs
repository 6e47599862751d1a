// SPDX-License-Identifier: Apache-2.0
//! The auto-tuner: thresholds that follow a route's usual resistance.
//!
//! An exponential moving mean and variance of R; the break point is the mean plus a number of
//! standard deviations, between a floor and a ceiling. It knows nothing of modes: the caller
//! decides which resistances it sees. It must be fed the node's own resistance, never one with the
//! fleet's scars in it, or it would learn the trouble of other nodes as normal.

use alloc::vec::Vec;

use crate::{ConfigFault, Ohms};

/// The settings of the auto-tuner.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..Default::default()`
pub struct TunerConfig {
    /// Ticks that the moving mean reaches back: its weight is `2 / (window + 1)`. At least 1.
    pub window: u32,
    /// `z`: standard deviations between the mean and the break point. 3 leaves 99.7 % of a normal
    /// distribution below.
    pub sensitivity: f64,
    /// The least break point, in ohms: a quiet route must not open at every small change.
    pub floor: f64,
    /// The greatest break point, in ohms: a route that worsens slowly must open some day.
    pub ceiling: f64,
    /// Samples before the learned break point is used.
    pub warmup: u32,
    /// The recovery point over the break point, 0..=1.
    pub recovery: f64,
    /// The break point during the warm-up, in ohms.
    pub fallback: f64,
}

impl Default for TunerConfig {
    fn default() -> Self {
        Self {
            window: 100,
            sensitivity: 3.0,
            floor: 30.0,
            ceiling: 500.0,
            warmup: 50,
            recovery: 0.5,
            fallback: 100.0,
        }
    }
}

impl TunerConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// All faults at once, in the order of the fields.
    pub fn check(&self) -> Result<(), Vec<ConfigFault>> {
        let mut faults = Vec::new();
        self.collect_faults(&mut faults);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    pub(crate) fn collect_faults(&self, faults: &mut Vec<ConfigFault>) {
        let mut within = |field, value: f64, lo: f64, hi: f64, must| {
            if !(lo..=hi).contains(&value) {
                faults.push(ConfigFault { field, must, value });
            }
        };
        within("tuner.window", f64::from(self.window), 1.0, 1e6, "1..=1000000 ticks");
        within("tuner.sensitivity", self.sensitivity, 0.0, 1e3, "0..=1000 standard deviations");
        within("tuner.floor", self.floor, 0.0, 1e9, "0..=1e9 ohms");
        within("tuner.ceiling", self.ceiling, self.floor.max(0.0), 1e9, "at least `floor`, at most 1e9 ohms");
        within("tuner.warmup", f64::from(self.warmup), 0.0, 1e6, "0..=1000000 ticks");
        within("tuner.recovery", self.recovery, 0.0, 1.0, "0..=1: above 1 the breaker would flap");
        within("tuner.fallback", self.fallback, 0.0, 1e9, "0..=1e9 ohms");
    }
}

/// What the auto-tuner has learned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Tuner {
    mean: f64,
    variance: f64,
    samples: u32,
}

impl Tuner {
    /// What is known after one more resistance.
    ///
    /// `d = R - mean; mean += alpha d; variance = (1 - alpha)(variance + alpha d^2)`,
    /// `alpha = 2 / (window + 1)`; the first sample is the mean.
    #[must_use]
    pub fn observe(self, resistance: Ohms, config: &TunerConfig) -> Self {
        // A square must stay finite, or one absurd sample would fix the break point at its ceiling
        // for ever.
        let resistance = resistance.get().min(1e150);
        if self.samples == 0 {
            return Self { mean: resistance, variance: 0.0, samples: 1 };
        }
        let alpha = 2.0 / (f64::from(config.window.max(1)) + 1.0);
        let d = resistance - self.mean;
        Self {
            mean: self.mean + alpha * d,
            variance: (1.0 - alpha) * (self.variance + alpha * d * d),
            samples: self.samples.saturating_add(1),
        }
    }

    /// `R_break`: `clamp(mean + z sd, floor, ceiling)`, or the fallback while warming up.
    #[must_use]
    pub fn break_at(&self, config: &TunerConfig) -> Ohms {
        if self.samples < config.warmup {
            return Ohms::saturating(config.fallback);
        }
        let learned = self.mean + config.sensitivity * self.deviation().get();
        Ohms::saturating(learned.min(config.ceiling).max(config.floor))
    }

    /// `R_recover`: the recovery share of the break point, never below half the floor.
    #[must_use]
    pub fn recover_below(&self, config: &TunerConfig) -> Ohms {
        let share = config.recovery * self.break_at(config).get();
        Ohms::saturating(share.max(config.floor * 0.5))
    }

    /// The moving mean; `None` before the first sample.
    #[must_use]
    pub fn mean(&self) -> Option<Ohms> {
        (self.samples > 0).then(|| Ohms::saturating(self.mean))
    }

    /// The moving standard deviation.
    #[must_use]
    pub fn deviation(&self) -> Ohms {
        Ohms::saturating(libm::sqrt(self.variance.max(0.0)))
    }

    /// Resistances seen, saturating.
    #[must_use]
    pub const fn samples(&self) -> u32 {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fallback_holds_until_the_tuner_is_warm() {
        let config = TunerConfig { warmup: 3, ..TunerConfig::default() };
        let mut tuner = Tuner::default();
        for _ in 0..2 {
            tuner = tuner.observe(Ohms::saturating(40.0), &config);
            assert_eq!(tuner.break_at(&config).get(), 100.0);
        }
        tuner = tuner.observe(Ohms::saturating(40.0), &config);
        assert_eq!(tuner.break_at(&config).get(), 40.0);
        assert_eq!(tuner.recover_below(&config).get(), 20.0);
    }

    #[test]
    fn a_tuner_that_needs_no_warmth_starts_at_the_floor() {
        let config = TunerConfig { warmup: 0, ..TunerConfig::default() };
        assert_eq!(Tuner::default().break_at(&config).get(), 30.0);
    }

    #[test]
    fn one_absurd_sample_is_forgotten() {
        let config = TunerConfig { warmup: 1, ..TunerConfig::default() };
        let mut tuner = Tuner::default().observe(Ohms::saturating(f64::MAX), &config);
        for _ in 0..50_000 {
            tuner = tuner.observe(Ohms::saturating(50.0), &config);
        }
        assert!((tuner.break_at(&config).get() - 50.0).abs() < 1e-6, "{tuner:?}");
    }
}
