// SPDX-License-Identifier: Apache-2.0
//! What a user sets, and everything that is wrong with it at once.

use std::collections::BTreeMap;
use std::time::Duration;

use atrion_core::{ConfigFault, Gamma};

mod error;
pub use error::ConfigError;
use error::Fault;

mod fleet;
pub use fleet::FleetConfig;

mod hold;
pub use hold::Hold;

mod profile;
pub use profile::Profile;

mod route;
pub use route::{Physics, RfcPhysics, RouteConfig};

#[cfg(feature = "serde")]
mod written;

/// Configuration of an instance. It can be replaced while the instance runs, without losing state.
///
/// ```
/// use std::time::Duration;
///
/// use atrion_engine::{Config, RouteConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::default()
///     .slo(Duration::from_millis(500))
///     .route("reports/*", RouteConfig::default().slo(Duration::from_secs(30)).cap(8));
/// config.check()?;
/// assert_eq!(config.of("reports/monthly").cap, Some(8));
///
/// let wrong = Config::default().max_routes(0).check().unwrap_err();
/// assert!(wrong.to_string().contains("`max_routes` must be 1..=1000000, got 0"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "written::Written"))]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..Default::default()`
pub struct Config {
    /// The most routes that are told apart, 1..=1,000,000. Past it, names without a place share one
    /// overflow route, which protects as every other does. 10,000 by default.
    pub max_routes: usize,
    /// What holds for every route that has no entry of its own.
    pub default: RouteConfig,
    /// Exceptions by name. A name that ends in `*` holds for every route that starts with what is
    /// before it; the exact name wins over patterns, the longer pattern over the shorter. `@name`
    /// is the gate of a group, and only a pattern that begins with `@` holds for groups. Each is
    /// whole; where a configuration is read, what an entry leaves out it has from `default`.
    pub routes: BTreeMap<String, RouteConfig>,
    /// How to listen to the fleet, in place of what the provider says.
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

impl Config {
    /// Sets the SLO of every route without an entry of its own: a call that takes longer is late.
    /// It is the one number worth knowing; a good choice is the callers' own timeout.
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

    /// Gives the gate of a group a configuration of its own: the entry `@name`. Without one it has
    /// the default, but for the cap, which is meant for a single route.
    #[must_use]
    pub fn group(self, name: &str, config: RouteConfig) -> Self {
        self.route(format!("{GROUP}{name}"), config)
    }

    /// Gives a route, or a family of routes, a configuration that has everything from the default
    /// as set so far, but for what `change` makes of it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atrion_engine::Config;
    ///
    /// let config = Config::default()
    ///     .slo(Duration::from_millis(500))
    ///     .route_like_default("GET /export", |entry| entry.cap(8));
    /// let entry = config.of("GET /export");
    /// assert_eq!((entry.cap, &entry.physics), (Some(8), &config.default.physics));
    /// ```
    #[must_use]
    pub fn route_like_default(
        self,
        name: impl Into<String>,
        change: impl FnOnce(RouteConfig) -> RouteConfig,
    ) -> Self {
        let entry = change(self.default.clone());
        self.route(name, entry)
    }

    /// The configuration of the route of that name. A group that has no entry takes the default
    /// without its cap.
    #[must_use]
    pub fn of(&self, name: &str) -> &RouteConfig {
        self.entry(name).and_then(|entry| self.routes.get(entry)).unwrap_or(&self.default)
    }

    /// The entry that holds for the route of that name.
    pub(crate) fn entry(&self, name: &str) -> Option<&str> {
        if let Some((exact, _)) = self.routes.get_key_value(name) {
            return Some(exact);
        }
        // A pattern that means all routes does not mean the groups of them.
        let alike = |pattern: &str| pattern.starts_with(GROUP) == name.starts_with(GROUP);
        let fits = |pattern: &&str| {
            alike(pattern) && pattern.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix))
        };
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

/// What the name of a group's gate begins with ([`RouteId::group`]).
///
/// [`RouteId::group`]: atrion_state::RouteId::group
pub(crate) const GROUP: char = '@';

const MOST_ROUTES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use atrion_core::AdaptiveConfig;

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
    fn a_pattern_of_routes_means_no_group() {
        let capped = |cap| RouteConfig::default().cap(cap);
        let config = Config::default().route("*", capped(1)).group("db", capped(2)).route("@s*", capped(3));
        let cap = |name| config.of(name).cap;
        assert_eq!([cap("a"), cap("@db"), cap("@service"), cap("@other")], [Some(1), Some(2), Some(3), None]);
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
