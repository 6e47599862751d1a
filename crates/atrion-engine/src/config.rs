// SPDX-License-Identifier: Apache-2.0
//! What a user sets, and everything that is wrong with it at once.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use atrion_core::adaptive::DeadRule;
use atrion_core::{AdaptiveConfig, ConfigFault, Direction, Gamma, Law, Ohms, RfcConfig, Spread, rfc};
use atrion_state::Sharing;

use crate::live::Settings;

/// Configuration of an instance. It can be replaced while the instance runs, without losing state.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..Default::default()`
pub struct Config {
    /// The most routes that are told apart, 1..=1,000,000. Past it, names without a place share one overflow route,
    /// which protects as every other does. 10,000 by default.
    pub max_routes: usize,
    /// What holds for every route that has no entry of its own.
    pub default: RouteConfig,
    /// Exceptions by name. A name that ends in `*` holds for every route that starts with what is before it; the exact
    /// name wins over patterns, the longer pattern over the shorter.
    pub routes: BTreeMap<String, RouteConfig>,
    /// How to listen to the fleet, where the provider's own word on it is not to hold.
    pub fleet: FleetConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_routes: 10_000,
            default: RouteConfig::default(),
            routes: BTreeMap::new(),
            fleet: FleetConfig::default(),
        }
    }
}

/// How a node listens to its fleet. What is left out is as the provider says; without a provider that shares, there is
/// nobody to listen to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct FleetConfig {
    /// The weight of the fleet against the node itself, 0..=1. At 0 the node goes by itself alone, and is heard by the
    /// others all the same.
    pub gamma: Option<Gamma>,
    /// Whether a node with little evidence of its own listens more.
    pub epistemic: Option<bool>,
    /// Which way the fleet may move this node's gates.
    pub direction: Option<Direction>,
}

impl FleetConfig {
    /// The provider's word, with what is set here in its place.
    pub(crate) fn of(&self, mut sharing: Sharing) -> Sharing {
        sharing.gamma = self.gamma.unwrap_or(sharing.gamma);
        sharing.epistemic = self.epistemic.unwrap_or(sharing.epistemic);
        sharing.direction = self.direction.unwrap_or(sharing.direction);
        sharing
    }
}

/// Configuration of a route.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct RouteConfig {
    /// The physics, with its numbers.
    pub physics: Physics,
    /// The most requests in flight, whatever the physics says. At least 1. `None`: the physics alone decides.
    pub cap: Option<u32>,
    /// Shadow mode: everything is computed, counted and reported, and nothing is shed.
    pub shadow: bool,
    /// Where in its tier's band a request falls.
    pub spread: Spread,
}

/// A preset of the physics, with its numbers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Physics {
    /// The default (`docs/physics.md` section 3).
    Adaptive(AdaptiveConfig),
    /// The model as first written (`docs/physics.md` section 1). The engine measures for it: saturation is the mean
    /// in-flight count over the route's cap, and 0 without a cap.
    Rfc(RfcPhysics),
}

impl Physics {
    /// lambda: the rate at which a scar fades that nothing holds, in 1/s.
    pub(crate) const fn scar_decay(&self) -> f64 {
        match self {
            Self::Adaptive(adaptive) => adaptive.scar_decay,
            Self::Rfc(rfc) => rfc.law.decay_rate,
        }
    }
}

impl Default for Physics {
    fn default() -> Self {
        Self::Adaptive(AdaptiveConfig::default())
    }
}

/// The preset `rfc` with its service level objective.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct RfcPhysics {
    /// The law's numbers.
    pub law: RfcConfig,
    /// What is normal, and how much each kind of trouble matters.
    pub slo: rfc::Slo,
}

impl Config {
    /// Sets the SLO of every route without an entry of its own: a call that takes longer is late. It is the one number
    /// worth knowing; a good choice is the callers' own timeout.
    #[must_use]
    pub fn slo(mut self, slo: Duration) -> Self {
        self.default = self.default.slo(slo);
        self
    }

    /// Puts every route without an entry of its own into shadow mode, or takes it out.
    #[must_use]
    pub fn shadow(mut self, shadow: bool) -> Self {
        self.default.shadow = shadow;
        self
    }

    /// Sets the bound of routes.
    #[must_use]
    pub fn max_routes(mut self, max_routes: usize) -> Self {
        self.max_routes = max_routes;
        self
    }

    /// Sets the weight of the fleet against the node itself, whatever the provider says.
    #[must_use]
    pub fn gamma(mut self, gamma: Gamma) -> Self {
        self.fleet.gamma = Some(gamma);
        self
    }

    /// Gives a route, or with a trailing `*` a family of routes, a configuration of its own.
    #[must_use]
    pub fn route(mut self, name: impl Into<String>, config: RouteConfig) -> Self {
        self.routes.insert(name.into(), config);
        self
    }

    /// The configuration of the route of that name.
    #[must_use]
    pub fn of(&self, name: &str) -> &RouteConfig {
        self.entry(name).and_then(|entry| self.routes.get(entry)).unwrap_or(&self.default)
    }

    /// The entry that holds for the route of that name.
    pub(crate) fn entry(&self, name: &str) -> Option<&str> {
        if let Some((exact, _)) = self.routes.get_key_value(name) {
            return Some(exact);
        }
        let fits = |pattern: &&str| pattern.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix));
        self.routes.keys().map(String::as_str).filter(fits).max_by_key(|pattern| pattern.len())
    }

    /// Checks everything.
    ///
    /// # Errors
    /// All faults at once, each with the path of its field.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        if !(1..=MOST_ROUTES).contains(&self.max_routes) {
            let value = self.max_routes as f64;
            faults.push(Fault {
                at: String::new(),
                fault: ConfigFault { field: "max_routes", must: "1..=1000000", value },
            });
        }
        self.default.collect_faults("default", &mut faults);
        for (name, route) in &self.routes {
            route.collect_faults(&format!("routes.{name:?}"), &mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(ConfigError { faults }) }
    }
}

impl RouteConfig {
    /// Sets the SLO: a call that takes longer is late.
    #[must_use]
    pub fn slo(mut self, slo: Duration) -> Self {
        match &mut self.physics {
            Physics::Adaptive(adaptive) => adaptive.slo = Some(slo),
            Physics::Rfc(rfc) => rfc.slo.latency = slo.as_secs_f64(),
        }
        self
    }

    /// Sets the most requests in flight.
    #[must_use]
    pub fn cap(mut self, cap: u32) -> Self {
        self.cap = Some(cap);
        self
    }

    /// Puts the route into shadow mode, or takes it out.
    #[must_use]
    pub fn shadow(mut self, shadow: bool) -> Self {
        self.shadow = shadow;
        self
    }

    fn collect_faults(&self, at: &str, faults: &mut Vec<Fault>) {
        let mut take = |at: String, found: Result<(), Vec<ConfigFault>>| {
            let found = found.err().unwrap_or_default();
            faults.extend(found.into_iter().map(|fault| Fault { at: at.clone(), fault }));
        };
        match &self.physics {
            Physics::Adaptive(adaptive) => take(format!("{at}.physics.adaptive"), adaptive.check()),
            Physics::Rfc(rfc) => {
                take(format!("{at}.physics.rfc.law"), rfc.law.check());
                take(format!("{at}.physics.rfc.slo"), rfc.slo.check());
            }
        }
        if self.cap == Some(0) {
            let fault = ConfigFault { field: "cap", must: "1 or more, or left out", value: 0.0 };
            faults.push(Fault { at: at.to_owned(), fault });
        }
    }

    /// `S_max`: what the scar of a route can grow to by failures (`docs/physics.md` section 5).
    pub(crate) fn scar_ceiling(&self) -> Ohms {
        Ohms::saturating(match &self.physics {
            Physics::Adaptive(adaptive) => adaptive.scar_ceiling,
            Physics::Rfc(rfc) => rfc.law.base_resistance * rfc.law.break_multiplier,
        })
    }

    pub(crate) fn settings(&self) -> Settings {
        let (slo, dead, successes_to_close, broken) = match &self.physics {
            Physics::Adaptive(adaptive) => {
                let (dead, weight) = (DeadRule::of(adaptive), Ohms::saturating(adaptive.weight));
                let law = Law {
                    rest: Ohms::saturating(adaptive.break_at),
                    weight,
                    gain: adaptive.gain,
                    target: 1.0,
                };
                (adaptive.slo, dead, adaptive.successes_to_close, law)
            }
            // The literal law knows neither lateness nor a dead rule; its breaker opens and closes by telemetry alone,
            // which publishes a gate at once.
            Physics::Rfc(rfc) => {
                let rest = Ohms::saturating(rfc.law.base_resistance);
                let law = Law { rest, weight: Ohms::ZERO, gain: 1.0, target: 1.0 };
                (None, DeadRule::OFF, u32::MAX, law)
            }
        };
        let (cap, shadow, spread, broken) = (self.cap, self.shadow, self.spread, broken.compile());
        let scar_decay = self.physics.scar_decay();
        Settings { slo, scar_decay, cap, dead, successes_to_close, broken, shadow, spread }
    }
}

const MOST_ROUTES: usize = 1_000_000;

/// A configuration that was refused whole. What was in force before still is.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq)]
struct Fault {
    at: String,
    fault: ConfigFault,
}

impl ConfigError {
    /// Everything that is wrong: where, and what.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &ConfigFault)> {
        self.faults.iter().map(|fault| (fault.at.as_str(), &fault.fault))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration refused, {} to mend", self.faults.len())?;
        for (i, Fault { at, fault }) in self.faults.iter().enumerate() {
            write!(f, "{} ", if i == 0 { ":" } else { ";" })?;
            if !at.is_empty() {
                write!(f, "in {at}: ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_wins_and_the_exact_name_over_all() {
        let capped = |cap| RouteConfig::default().cap(cap);
        let config = Config::default()
            .route("api/*", capped(1))
            .route("api/v2/*", capped(2))
            .route("api/v2/x", capped(3));
        let cap = |name| config.of(name).cap;
        assert_eq!(cap("api/v1/a"), Some(1));
        assert_eq!(cap("api/v2/a"), Some(2));
        assert_eq!(cap("api/v2/x"), Some(3));
        assert_eq!(cap("other"), None);
    }

    #[test]
    fn all_faults_come_at_once_with_their_paths() {
        let mut bad = RouteConfig { cap: Some(0), ..RouteConfig::default() };
        bad.physics = Physics::Adaptive(AdaptiveConfig { gain: f64::NAN, ..AdaptiveConfig::default() });
        let config = Config { max_routes: 0, ..Config::default() }.route("a b", bad);
        let error = config.check().unwrap_err();
        assert_eq!(error.faults().count(), 3);
        let text = error.to_string();
        for part in [
            "3 to mend",
            "`max_routes` must be 1..=1000000, got 0",
            "in routes.\"a b\".physics.adaptive: `gain` must be 0.01..=100, got NaN",
            "in routes.\"a b\": `cap` must be 1 or more, or left out, got 0",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_default_is_valid() {
        assert_eq!(Config::default().check(), Ok(()));
    }
}
