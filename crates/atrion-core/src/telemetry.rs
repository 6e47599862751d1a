// SPDX-License-Identifier: Apache-2.0
//! Measurements of a caller with its own meters.

/// One aggregated measurement of a route, for callers with their own meters.
///
/// It is a window's summary (a tick's mean), not one request. [`Telemetry::check`] refuses bad
/// numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // RFC-0007 section 9 names these three
pub struct Telemetry {
    /// Mean latency in seconds, finite and >= 0.
    pub latency: f64,
    /// Share of failed calls, 0..=1.
    pub error_rate: f64,
    /// Work in progress over what the route can carry: 0 idle, 1 full, above 1 overloaded. Finite
    /// and >= 0.
    pub saturation: f64,
}

/// Why a [`Telemetry`] was refused. The route keeps the state it had.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// A component is NaN or infinite.
    #[error(
        "telemetry field `{field}` must be a finite number, got {value}: leave the update out when nothing was measured"
    )]
    NotFinite {
        /// Name of the component.
        field: &'static str,
        /// What was given.
        value: f64,
    },
    /// A component lies outside its range.
    #[error("telemetry field `{field}` must lie in {range}, got {value}: it is {unit}")]
    OutOfRange {
        /// Name of the component.
        field: &'static str,
        /// What was given.
        value: f64,
        /// The range it must lie in.
        range: &'static str,
        /// What the number means.
        unit: &'static str,
    },
}

impl Telemetry {
    /// Gives the measurement back if every component is finite and in range.
    ///
    /// # Errors
    /// [`TelemetryError`] names the first component that is not, its value and its range.
    pub fn check(self) -> Result<Self, TelemetryError> {
        let fields = [
            ("latency", self.latency, f64::INFINITY, "0.. seconds", "a mean latency in seconds"),
            ("error_rate", self.error_rate, 1.0, "0..=1", "the share of failed calls"),
            ("saturation", self.saturation, f64::INFINITY, "0..", "work in progress over capacity"),
        ];
        for (field, value, most, range, unit) in fields {
            if !value.is_finite() {
                return Err(TelemetryError::NotFinite { field, value });
            }
            if !(0.0..=most).contains(&value) {
                return Err(TelemetryError::OutOfRange { field, value, range, unit });
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_bad_component_is_named() {
        let good = Telemetry { latency: 0.02, error_rate: 0.0, saturation: 1.5 };
        assert_eq!(good.check(), Ok(good));
        let nan = Telemetry { latency: f64::NAN, ..good };
        assert!(nan.check().unwrap_err().to_string().contains("`latency` must be a finite number, got NaN"));
        let rate = Telemetry { error_rate: 1.01, ..good };
        assert!(rate.check().unwrap_err().to_string().contains("`error_rate` must lie in 0..=1, got 1.01"));
        let negative = Telemetry { saturation: -0.1, ..good };
        assert!(negative.check().unwrap_err().to_string().contains("`saturation`"));
    }
}
