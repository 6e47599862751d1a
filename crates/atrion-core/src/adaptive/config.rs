// SPDX-License-Identifier: Apache-2.0
//! What can be set in the preset `adaptive`, and what is wrong with a setting.

use alloc::vec::Vec;
use core::time::Duration;

/// The numbers of the preset `adaptive`. The defaults are the measured ones of `manual/physics.md`
/// section 3; most services set the SLO and nothing else.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..Default::default()`
pub struct AdaptiveConfig {
    /// `L_SLO`: a call that takes longer is late. `None`: nothing is late. Above zero. In a
    /// configuration file a text such as `"250ms"` or `"1s"`.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::durations::deserialize_option"))]
    pub slo: Option<Duration>,
    /// `R_base`, the resistance of a healthy route, in ohms. Under the lowest voltage in use.
    pub base: f64,
    /// `R_break`, the resistance at which the breaker opens, in ohms: the top of the voltage
    /// ladder.
    pub break_at: f64,
    /// `w`, the most that saturation adds, in ohms. It must span the ladder, or saturation alone
    /// cannot shed the top.
    pub weight: f64,
    /// `k`, how steeply saturation rises over N*. A larger one sheds all tiers within a smaller
    /// crowd, a smaller one sheds them one after the other and lets the crowd grow meanwhile.
    pub gain: f64,
    /// `mu`, momentum's factor, in ohm seconds. 0 by default: up to 10 makes no difference.
    pub momentum_factor: f64,
    /// `sigma`, how fast full trauma scars, in ohms per second.
    pub scar_rate: f64,
    /// `lambda`, how fast a scar heals, per second.
    pub scar_decay: f64,
    /// The most that trauma alone scars, in ohms; only the dead rule goes beyond.
    pub scar_ceiling: f64,
    /// The least N*, in requests. With a larger one a route that has learned little lets more in at
    /// once; a callee that serves fewer at a time has the rest as a queue, whatever was measured.
    /// With an SLO it counts only as far as such a queue is worked off in time.
    pub min_target: f64,
    /// Failures in a row that call a route dead. Fewer open the breaker sooner on a route of few
    /// calls, and take a run of bad luck for an outage.
    pub dead_after: u32,
    /// Seconds without a success that call a route dead, beside the failures in a row. Shorter
    /// finds an outage sooner, and takes a pause of the callee for one.
    pub dead_silence: f64,
    /// Ticks with a completion before the law is applied in full. Fewer protect a fresh process
    /// sooner, by a limit that was learned from less.
    pub bootstrap_ticks: u32,
    /// Successes of requests started since the opening that close the breaker. More of them let a
    /// callee that comes and goes rest for longer; with one, traffic is back at once.
    pub successes_to_close: u32,
    /// Every node of the fleet calls the same thing behind this route, which has one capacity for
    /// all of them: a node says what load it has, and nodes that listen to each other act as one
    /// gate. Not for a route that each node serves by itself. Without a fleet it changes nothing.
    pub one_callee: bool,
    /// Which laws are in force.
    pub laws: Laws,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self {
            slo: None,
            base: 10.0,
            break_at: 100.0,
            weight: 90.0,
            gain: 1.5,
            momentum_factor: 0.0,
            scar_rate: 20.0,
            scar_decay: 0.5,
            scar_ceiling: 60.0,
            min_target: 4.0,
            dead_after: 40,
            dead_silence: 0.7,
            bootstrap_ticks: 10,
            successes_to_close: 1,
            one_callee: false,
            laws: Laws::default(),
        }
    }
}

/// Switches for each law, all on by default. Switching one off is for experiments that show what it
/// is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs, clippy::struct_excessive_bools)] // a switchboard is a list of switches
pub struct Laws {
    /// N* never falls below 1.2 times the in-flight level that was carried without strain.
    pub memory_of_health: bool,
    /// The slack for bursts shrinks while saturation lasts.
    pub shrinking_slack: bool,
    /// While nothing shows an overload, N* is what was worked off before and is answered in time.
    pub room: bool,
    /// The slack grows with the root of the work in service; without this law it is as much as the
    /// work.
    pub square_root_staffing: bool,
    /// The baseline may rise under saturation as far as latency does not rise with the in-flight
    /// count.
    pub elasticity: bool,
    /// N* stays under the crowd at which a bounded queue is full.
    pub ceiling: bool,
    /// A failed call keeps its slot until successes have paid for it.
    pub debt: bool,
    /// A failure makes debt only as far as failures rise with admissions.
    pub effectiveness: bool,
    /// Errors leave scar tissue.
    pub scar: bool,
    /// Calls that do not come back raise the resistance.
    pub staleness: bool,
    /// A run of failures without a success opens the breaker at once.
    pub dead: bool,
    /// What a tier holds without an answer is charged to that tier.
    pub charge: bool,
}

impl Default for Laws {
    fn default() -> Self {
        Self {
            memory_of_health: true,
            shrinking_slack: true,
            room: true,
            square_root_staffing: true,
            elasticity: true,
            ceiling: true,
            debt: true,
            effectiveness: true,
            scar: true,
            staleness: true,
            dead: true,
            charge: true,
        }
    }
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("`{field}` must be {must}, got {value}")]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct ConfigFault {
    /// The field's name.
    pub field: &'static str,
    /// What it must be.
    pub must: &'static str,
    /// What it is.
    pub value: f64,
}

impl AdaptiveConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// All faults at once, in the order of the fields.
    pub fn check(&self) -> Result<(), Vec<ConfigFault>> {
        let mut faults = Vec::new();
        let mut demand = |holds: bool, field, must, value: f64| {
            if !holds {
                faults.push(ConfigFault { field, must, value });
            }
        };
        let within = |value: f64, lo: f64, hi: f64| (lo..=hi).contains(&value);

        if let Some(slo) = self.slo {
            demand(!slo.is_zero(), "slo", "longer than zero, or left out", slo.as_secs_f64());
        }
        demand(within(self.base, 0.0, 1e6), "base", "0..=1e6 ohms", self.base);
        demand(
            within(self.break_at, 0.0, 1e6) && self.break_at > self.base,
            "break_at",
            "above `base`, at most 1e6 ohms",
            self.break_at,
        );
        demand(within(self.weight, 1e-3, 1e6), "weight", "0.001..=1e6 ohms", self.weight);
        demand(within(self.gain, 0.01, 100.0), "gain", "0.01..=100", self.gain);
        demand(
            within(self.momentum_factor, 0.0, 1e4),
            "momentum_factor",
            "0..=1e4 ohm seconds",
            self.momentum_factor,
        );
        demand(within(self.scar_rate, 0.0, 1e6), "scar_rate", "0..=1e6 ohms per second", self.scar_rate);
        demand(within(self.scar_decay, 1e-3, 100.0), "scar_decay", "0.001..=100 per second", self.scar_decay);
        demand(
            within(self.scar_ceiling, 0.0, 1e6) && self.base + self.scar_ceiling < self.break_at,
            "scar_ceiling",
            "0 or more, and under `break_at - base`: errors alone must not open the breaker",
            self.scar_ceiling,
        );
        demand(within(self.min_target, 1.0, 1e6), "min_target", "1..=1e6 requests", self.min_target);
        demand(self.dead_after >= 1, "dead_after", "1 or more failures", f64::from(self.dead_after));
        demand(within(self.dead_silence, 0.0, 3600.0), "dead_silence", "0..=3600 seconds", self.dead_silence);
        demand(
            self.bootstrap_ticks <= 100_000,
            "bootstrap_ticks",
            "0..=100000 ticks",
            f64::from(self.bootstrap_ticks),
        );
        demand(
            self.successes_to_close >= 1,
            "successes_to_close",
            "1 or more successes",
            f64::from(self.successes_to_close),
        );
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(AdaptiveConfig::default().check(), Ok(()));
    }

    #[test]
    fn all_faults_come_at_once() {
        let config = AdaptiveConfig {
            slo: Some(Duration::ZERO),
            base: f64::NAN,
            break_at: -1.0,
            weight: 0.0,
            gain: f64::INFINITY,
            dead_after: 0,
            ..AdaptiveConfig::default()
        };
        let faults = config.check().unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["slo", "base", "break_at", "weight", "gain", "scar_ceiling", "dead_after"]);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn an_unknown_field_is_named() {
        let error = serde_json::from_str::<AdaptiveConfig>(r#"{"basis": 10}"#).unwrap_err();
        assert!(std::string::ToString::to_string(&error).contains("unknown field `basis`"), "{error}");
    }
}
