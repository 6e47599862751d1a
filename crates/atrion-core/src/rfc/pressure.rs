// SPDX-License-Identifier: Apache-2.0
//! Pressure: telemetry on one scale, `p = tanh(k (raw - base) / base)` (`manual/physics.md` section
//! 1).

use super::{Baselines, Weights};
use crate::{Telemetry, TelemetryError};

/// How far a route is from normal: latency, errors and saturation, each in -1..=1, 0 at the
/// baseline.
///
/// Invariant: every component is finite and in -1..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "[f64; 3]", into = "[f64; 3]"))]
pub struct Pressure([f64; 3]);

impl From<[f64; 3]> for Pressure {
    /// As [`saturating`](Self::saturating), so that numbers from elsewhere keep the invariant, too.
    fn from([latency, error_rate, saturation]: [f64; 3]) -> Self {
        Self::saturating(latency, error_rate, saturation)
    }
}

impl From<Pressure> for [f64; 3] {
    fn from(pressure: Pressure) -> Self {
        pressure.0
    }
}

impl Pressure {
    /// A route that is exactly as usual.
    pub const NORMAL: Self = Self([0.0; 3]);

    /// The pressure of a measurement.
    ///
    /// # Errors
    /// [`TelemetryError`] where the measurement has a component that is not finite or outside its
    /// range.
    pub fn of(telemetry: Telemetry, baselines: &Baselines, scale: f64) -> Result<Self, TelemetryError> {
        let Telemetry { latency, error_rate, saturation } = telemetry.check()?;
        Ok(Self([
            normalise(latency, baselines.latency, scale),
            normalise(error_rate, baselines.error_rate, scale),
            normalise(saturation, baselines.saturation, scale),
        ]))
    }

    /// The nearest valid pressure to components that were normalised elsewhere: NaN becomes 0, the
    /// rest is clamped.
    #[must_use]
    pub const fn saturating(latency: f64, error_rate: f64, saturation: f64) -> Self {
        Self([component(latency), component(error_rate), component(saturation)])
    }

    /// In the order latency, error rate, saturation.
    #[must_use]
    pub const fn components(&self) -> [f64; 3] {
        self.0
    }

    /// `||P||`, in 0..=1.733.
    #[must_use]
    pub fn norm(&self) -> f64 {
        let squares = squares(self.0);
        // Below the noise floor a vector counts as zero: that is rounding, not load.
        if squares < NOISE { 0.0 } else { libm::sqrt(squares) }
    }

    /// `||max(P, 0)||`: only what is worse than usual; silence is no trauma.
    #[must_use]
    pub fn strain(&self) -> f64 {
        libm::sqrt(squares(self.0.map(|p| p.max(0.0))))
    }

    /// `||P - other||`, the way from one pressure to another.
    pub(super) fn distance(&self, other: Self) -> f64 {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a - x, b - y, c - z]).norm()
    }

    /// `w.P`, in ohms; negative where the route does better than usual.
    pub(super) fn weighted(&self, weights: &Weights) -> f64 {
        let ([a, b, c], [x, y, z]) = (self.0, weights.ohms());
        a * x + b * y + c * z
    }
}

/// `tanh(scale (raw - baseline) / baseline)`, in -1..=1. The unit cancels: give both in the same
/// one.
///
/// 0 where the baseline is not above zero, and where the result is not a number.
#[must_use]
pub fn normalise(raw: f64, baseline: f64, scale: f64) -> f64 {
    if baseline > 0.0 { component(libm::tanh((raw - baseline) / baseline * scale)) } else { 0.0 }
}

/// The squared length under which a vector is noise: about 3e-5 long.
const NOISE: f64 = 1e-9;

fn squares([a, b, c]: [f64; 3]) -> f64 {
    a * a + b * b + c * c
}

const fn component(raw: f64) -> f64 {
    if raw.is_nan() { 0.0 } else { raw.clamp(-1.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_baseline_is_the_zero_of_the_scale() {
        assert_eq!(normalise(0.1, 0.1, 1.0), 0.0);
        assert!(normalise(0.2, 0.1, 1.0) > 0.0);
        assert!(normalise(0.05, 0.1, 1.0) < 0.0);
        assert_eq!(normalise(1e9, 0.1, 1.0), 1.0);
    }

    #[test]
    fn without_a_baseline_there_is_no_pressure() {
        for baseline in [0.0, -0.0, -3.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(normalise(50.0, baseline, 1.0), 0.0, "{baseline}");
        }
    }

    #[test]
    fn what_is_not_a_number_says_nothing() {
        assert_eq!(normalise(f64::NAN, 1.0, 1.0), 0.0);
        assert_eq!(normalise(f64::INFINITY, f64::INFINITY, 1.0), 0.0);
        assert_eq!(normalise(f64::INFINITY, 1.0, 1.0), 1.0);
        assert_eq!(
            Pressure::saturating(f64::NAN, f64::INFINITY, f64::NEG_INFINITY).components(),
            [0.0, 1.0, -1.0]
        );
    }

    #[test]
    fn bad_telemetry_is_refused_at_the_border() {
        let baselines = super::super::Slo::default().baselines();
        let bad = Telemetry { latency: f64::NAN, error_rate: 0.0, saturation: 0.0 };
        assert!(Pressure::of(bad, &baselines, 1.0).is_err());
    }

    #[test]
    fn only_what_is_worse_than_usual_is_strain() {
        let mixed = Pressure::saturating(-0.9, 0.6, 0.8);
        assert!((mixed.strain() - 1.0).abs() < 1e-15);
        assert!(mixed.norm() > mixed.strain());
    }

    #[test]
    fn a_change_below_the_noise_floor_is_none() {
        let steady = Pressure::saturating(0.5, 0.5, 0.5);
        assert_eq!(steady.distance(Pressure::saturating(0.5 + 3e-5, 0.5, 0.5)), 0.0);
        assert!(steady.distance(Pressure::saturating(0.5 + 4e-5, 0.5, 0.5)) > 0.0);
    }
}
