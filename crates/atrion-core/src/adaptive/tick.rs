// SPDX-License-Identifier: Apache-2.0
//! The time of a tick, worked out once for all routes.

use core::time::Duration;

use super::AdaptiveConfig;

/// The time of one tick, with every decay factor that depends on it alone.
///
/// A pulse over many routes makes one of these and hands it to all of them: the exponentials are
/// the expensive part of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    pub(super) seconds: f64,
    pub(super) keep_300ms: f64,
    pub(super) keep_500ms: f64,
    pub(super) keep_3s: f64,
    pub(super) keep_5s: f64,
    pub(super) keep_10s: f64,
    pub(super) keep_5min: f64,
    pub(super) keep_scar: f64,
    pub(super) keep_error: f64,
    pub(super) error_weight: f64,
    pub(super) gain_error: f64,
    pub(super) gain_latency: f64,
    pub(super) gain_baseline: f64,
    pub(super) gain_relief: f64,
    pub(super) gain_500ms: f64,
    pub(super) gain_1s: f64,
    pub(super) gain_fast: f64,
    pub(super) gain_slow: f64,
    pub(super) gain_health: f64,
}

impl Tick {
    /// A tick of `elapsed` under `config`. A tick without time changes nothing that depends on
    /// time.
    #[must_use]
    pub fn new(elapsed: Duration, config: &AdaptiveConfig) -> Self {
        let dt = elapsed.as_secs_f64();
        let keep = |tau: f64| libm::exp(-dt / tau);
        let gain = |tau: f64| 1.0 - keep(tau);
        let (keep_300ms, keep_500ms, keep_5s, keep_10s) = (keep(0.3), keep(0.5), keep(5.0), keep(10.0));
        Self {
            seconds: dt,
            keep_300ms,
            keep_500ms,
            keep_3s: keep(3.0),
            keep_5s,
            keep_10s,
            keep_5min: keep(300.0),
            keep_scar: libm::exp(-config.scar_decay * dt),
            keep_error: libm::exp(-0.5 * dt),
            error_weight: dt / 0.3,
            gain_error: 1.0 - keep_300ms,
            gain_latency: gain(0.15),
            gain_baseline: gain(20.0),
            gain_relief: 1.0 - keep_5s,
            gain_500ms: 1.0 - keep_500ms,
            gain_1s: gain(1.0),
            gain_fast: gain(0.4),
            gain_slow: gain(1.6),
            gain_health: 1.0 - keep_10s,
        }
    }

    /// The gain of a `rate` per second: it is the mean over about twenty events, and over no less than
    /// 0.4 s.
    pub(super) fn gain_of_rate(&self, rate: f64) -> f64 {
        if rate >= TELLING / 0.4 {
            return self.gain_fast;
        }
        let span = (TELLING / rate.max(1e-3)).min(LONGEST);
        1.0 - libm::exp(-self.seconds / span)
    }

    /// Seconds that passed.
    #[must_use]
    pub const fn seconds(&self) -> f64 {
        self.seconds
    }
}

/// Events that tell a rate from chance.
const TELLING: f64 = 20.0;

/// Seconds after which a rate of however few events is told.
const LONGEST: f64 = 5.0;
