// SPDX-License-Identifier: Apache-2.0
//! What can be set in the preset `rfc`.

use alloc::vec::Vec;

use crate::{ConfigFault, TunerConfig};

/// The numbers of the preset `rfc`, in SI units. The defaults are those of version 1.
///
/// Version 1 counted `mu` in ohm milliseconds: divide by 1000. Its `minDeltaT` named the length of
/// a tick and never entered an equation; the length of a tick is the caller's affair.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..Default::default()`
pub struct RfcConfig {
    /// `R_base`, the resistance of a healthy route, in ohms. Above zero.
    pub base_resistance: f64,
    /// `lambda`, how fast a scar heals, per second. Above zero.
    pub decay_rate: f64,
    /// `sigma`, what one tick of trauma adds to the scar, in ohms.
    pub scar_factor: f64,
    /// `mu`, momentum's factor, in ohm seconds.
    pub damping: f64,
    /// `P_crit`, the norm of the worsening pressures above which a tick is trauma. At most the
    /// square root of 3.
    pub critical_pressure: f64,
    /// `R_break / R_base`, where no tuner is set. Above 1.
    pub break_multiplier: f64,
    /// `k`, how steeply a deviation from the baseline becomes pressure.
    pub tanh_scale: f64,
    /// `kappa`, what silence adds on reading, in ohms per second since the last update.
    pub staleness: f64,
    /// `N`: the N-th tick leaves BOOTSTRAP. With 0 or 1 the first tick does.
    pub bootstrap_ticks: u32,
    /// Thresholds learned from the resistance itself; `None` keeps the static ones.
    pub tuner: Option<TunerConfig>,
}

impl Default for RfcConfig {
    fn default() -> Self {
        Self {
            base_resistance: 10.0,
            decay_rate: 0.1,
            scar_factor: 5.0,
            damping: 0.02,
            critical_pressure: 0.7,
            break_multiplier: 10.0,
            tanh_scale: 1.0,
            staleness: 0.5,
            bootstrap_ticks: 10,
            tuner: None,
        }
    }
}

impl RfcConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// All faults at once, in the order of the fields, those of the tuner last.
    pub fn check(&self) -> Result<(), Vec<ConfigFault>> {
        let mut faults = Vec::new();
        let mut within = |field, value: f64, lo: f64, hi: f64, must| {
            if !(lo..=hi).contains(&value) {
                faults.push(ConfigFault { field, must, value });
            }
        };
        within("base_resistance", self.base_resistance, 1e-6, 1e6, "0.000001..=1e6 ohms");
        within("decay_rate", self.decay_rate, 1e-6, 1e3, "0.000001..=1000 per second");
        within("scar_factor", self.scar_factor, 0.0, 1e6, "0..=1e6 ohms");
        within("damping", self.damping, 0.0, 1e6, "0..=1e6 ohm seconds");
        within("critical_pressure", self.critical_pressure, 0.0, SQRT_3, "0..=1.732, the norm's range");
        within("break_multiplier", self.break_multiplier, 1.0 + f64::EPSILON, 1e6, "above 1, at most 1e6");
        within("tanh_scale", self.tanh_scale, 1e-3, 1e3, "0.001..=1000");
        within("staleness", self.staleness, 0.0, 1e6, "0..=1e6 ohms per second");
        within("bootstrap_ticks", f64::from(self.bootstrap_ticks), 0.0, 1e5, "0..=100000 ticks");
        if let Some(tuner) = &self.tuner {
            tuner.collect_faults(&mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// The longest a pressure vector of three components within -1..=1 can be.
const SQRT_3: f64 = 1.732_050_807_568_877_2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(RfcConfig::default().check(), Ok(()));
        let tuned = RfcConfig { tuner: Some(TunerConfig::default()), ..RfcConfig::default() };
        assert_eq!(tuned.check(), Ok(()));
    }

    #[test]
    fn all_faults_come_at_once() {
        let config = RfcConfig {
            base_resistance: 0.0,
            decay_rate: f64::NAN,
            damping: -1.0,
            critical_pressure: 1.8,
            break_multiplier: 1.0,
            staleness: f64::INFINITY,
            tuner: Some(TunerConfig { window: 0, ceiling: 1.0, ..TunerConfig::default() }),
            ..RfcConfig::default()
        };
        let faults = config.check().unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "base_resistance",
                "decay_rate",
                "damping",
                "critical_pressure",
                "break_multiplier",
                "staleness",
                "tuner.window",
                "tuner.ceiling"
            ]
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_document_in_the_old_units_is_not_taken_for_a_new_one() {
        let error = serde_json::from_str::<RfcConfig>(r#"{"dampingFactor": 20}"#).unwrap_err();
        assert!(
            std::string::ToString::to_string(&error).contains("unknown field `dampingFactor`"),
            "{error}"
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn left_out_fields_keep_their_defaults() {
        let config: RfcConfig = serde_json::from_str(r#"{"tuner": {"window": 50}}"#).unwrap();
        let tuner = Some(TunerConfig { window: 50, ..TunerConfig::default() });
        assert_eq!(config, RfcConfig { tuner, ..RfcConfig::default() });
    }
}
