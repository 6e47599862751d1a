// SPDX-License-Identifier: Apache-2.0
//! Routes that share one plant, and the mixes of them that the set `routes` is made of.

use serde::{Deserialize, Serialize};

use super::{Scenario, ScenarioError, builtin, one};

/// One of the routes whose calls share the plant's workers and queue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct RouteSpec {
    /// Its part of the requests, against the shares of the others.
    #[serde(default = "one")]
    pub share: f64,
    /// The work of a call, against that of the others. The mean over all calls stays the plant's.
    #[serde(default = "one")]
    pub work: f64,
    /// A pool that its calls go to after the plant's workers, of this route alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnPool>,
    /// A time in which what is behind this route alone is sick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// A pool of one route. A call that waits for it holds no worker of the plant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct OwnPool {
    /// Calls that it serves at the same time.
    pub workers: u32,
    /// Mean service time; exponential.
    pub service: f64,
}

/// What befalls one route.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Trouble {
    /// The beginning.
    pub from: f64,
    /// The end.
    pub until: f64,
    /// The share of its calls that fail.
    #[serde(default)]
    pub errors: f64,
    /// How long such a call holds a worker of the plant.
    #[serde(default)]
    pub error_seconds: f64,
    /// How much longer each of its calls takes, without a worker of the plant.
    #[serde(default)]
    pub slow: f64,
}

impl RouteSpec {
    /// What befalls it at this moment.
    #[must_use]
    pub fn trouble_at(&self, seconds: f64) -> Option<Trouble> {
        self.trouble.filter(|trouble| (trouble.from..trouble.until).contains(&seconds))
    }
}

impl Default for RouteSpec {
    fn default() -> Self {
        Self { share: 1.0, work: 1.0, own: None, trouble: None }
    }
}

/// How the requests of a plant are spread over routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Mix {
    /// The end of its scenarios' names.
    pub name: &'static str,
    routes: u32,
    is_skewed: bool,
}

/// Every mix of the set.
pub const MIXES: [Mix; 5] = [
    Mix { name: "of-2", routes: 2, is_skewed: false },
    Mix { name: "of-5", routes: 5, is_skewed: false },
    Mix { name: "of-5-skewed", routes: 5, is_skewed: true },
    Mix { name: "of-20", routes: 20, is_skewed: false },
    Mix { name: "of-20-skewed", routes: 20, is_skewed: true },
];

impl Mix {
    /// The routes; skewed, the nth most used has the nth part of the first one's requests.
    fn specs(self) -> Vec<RouteSpec> {
        let share = |nth: u32| if self.is_skewed { 1.0 / f64::from(nth) } else { 1.0 };
        (1..=self.routes).map(|nth| RouteSpec { share: share(nth), ..RouteSpec::default() }).collect()
    }

    /// Whether the scenario of that name is of this mix.
    #[must_use]
    pub fn has(self, scenario: &str) -> bool {
        scenario.strip_suffix(self.name).is_some_and(|rest| rest.ends_with('-'))
    }
}

/// The named set behind each mix of routes, then what befalls single routes.
pub(super) fn scenarios() -> Result<Vec<Scenario>, ScenarioError> {
    let named = builtin::named()?;
    let behind = |mix: Mix| {
        named.iter().cloned().map(move |mut scenario| {
            scenario.name = format!("{}-{}", scenario.name, mix.name);
            scenario.route = mix.specs();
            scenario
        })
    };
    let mut all: Vec<_> = MIXES.into_iter().flat_map(behind).collect();
    all.extend(builtin::routes()?);
    Ok(all)
}
