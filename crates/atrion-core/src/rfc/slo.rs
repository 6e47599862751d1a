// SPDX-License-Identifier: Apache-2.0
//! A service level objective, and the baselines and weights that follow from it.

use alloc::vec::Vec;

use crate::ConfigFault;

/// A service level objective: what is normal for a route, and how much each kind of trouble
/// matters.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..Default::default()`
pub struct Slo {
    /// The latency that counts as normal, in seconds. Zero takes latency out of the pressure.
    pub latency: f64,
    /// The error rate that counts as normal, 0..=1. Zero takes errors out of the pressure.
    pub error_rate: f64,
    /// The saturation that counts as normal. Zero takes saturation out of the pressure.
    pub saturation: f64,
    /// How much each component matters.
    pub criticality: Criticality,
}

impl Default for Slo {
    fn default() -> Self {
        Self { latency: 0.1, error_rate: 0.01, saturation: 0.5, criticality: Criticality::default() }
    }
}

impl Slo {
    /// What is normal, for [`Pressure::of`](super::Pressure::of).
    #[must_use]
    pub const fn baselines(&self) -> Baselines {
        Baselines { latency: self.latency, error_rate: self.error_rate, saturation: self.saturation }
    }

    /// `w = ln(1 + criticality)`, for [`update_physics`](super::update_physics).
    #[must_use]
    pub fn weights(&self) -> Weights {
        let Criticality { latency, error_rate, saturation } = self.criticality;
        Weights::saturating(libm::log1p(latency), libm::log1p(error_rate), libm::log1p(saturation))
    }

    /// Checks every field.
    ///
    /// # Errors
    /// All faults at once, in the order of the fields.
    pub fn check(&self) -> Result<(), Vec<ConfigFault>> {
        const CRITICALITY: &str = "0..=1e6";
        let fields = [
            ("latency", self.latency, 1e6, "0..=1e6 seconds"),
            ("error_rate", self.error_rate, 1.0, "0..=1"),
            ("saturation", self.saturation, 1e6, "0..=1e6"),
            ("criticality.latency", self.criticality.latency, 1e6, CRITICALITY),
            ("criticality.error_rate", self.criticality.error_rate, 1e6, CRITICALITY),
            ("criticality.saturation", self.criticality.saturation, 1e6, CRITICALITY),
        ];
        let faulty = fields.into_iter().filter(|&(_, value, most, _)| !(0.0..=most).contains(&value));
        let faults: Vec<_> =
            faulty.map(|(field, value, _, must)| ConfigFault { field, must, value }).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// How much trouble of each kind matters: 0 not at all, 10 a great deal.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Criticality {
    /// Of slowness.
    pub latency: f64,
    /// Of errors.
    pub error_rate: f64,
    /// Of saturation.
    pub saturation: f64,
}

impl Default for Criticality {
    fn default() -> Self {
        Self { latency: 5.0, error_rate: 8.0, saturation: 3.0 }
    }
}

/// What is normal, in the units of [`Telemetry`](crate::Telemetry). A component that is not above
/// zero is left out of the pressure: nothing can deviate from it in proportion.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // the same three components as Telemetry
pub struct Baselines {
    /// In seconds.
    pub latency: f64,
    /// A share, 0..=1.
    pub error_rate: f64,
    /// Work in progress over capacity.
    pub saturation: f64,
}

/// How many ohms a pressure of 1 adds, by component. Finite, >= 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights([f64; 3]);

impl Weights {
    /// The nearest valid weights: NaN and negatives become 0, infinity becomes [`f64::MAX`].
    #[must_use]
    pub const fn saturating(latency: f64, error_rate: f64, saturation: f64) -> Self {
        Self([weight(latency), weight(error_rate), weight(saturation)])
    }

    /// In ohms, in the order latency, error rate, saturation.
    #[must_use]
    pub const fn ohms(&self) -> [f64; 3] {
        self.0
    }
}

const fn weight(raw: f64) -> f64 {
    raw.max(0.0).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_slo_has_the_weights_of_its_criticalities() {
        let weights = Slo::default().weights().ohms();
        for (weight, criticality) in weights.into_iter().zip([5.0, 8.0, 3.0]) {
            assert!((libm::exp(weight) - 1.0 - criticality).abs() < 1e-12);
        }
        assert_eq!(Slo::default().check(), Ok(()));
    }

    #[test]
    fn all_faults_come_at_once() {
        let criticality = Criticality { saturation: f64::NAN, ..Criticality::default() };
        let slo = Slo { latency: -1.0, error_rate: 1.5, criticality, ..Slo::default() };
        let faults = slo.check().unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["latency", "error_rate", "criticality.saturation"]);
    }

    #[test]
    fn weights_are_always_valid() {
        assert_eq!(Weights::saturating(f64::NAN, -1.0, f64::INFINITY).ohms(), [0.0, 0.0, f64::MAX]);
    }
}
