// SPDX-License-Identifier: Apache-2.0
//! A scenario: a plant, what is asked of it, and what happens to it, as data with a stated purpose.
//!
//! Scenarios are TOML files of this crate (`scenarios/named`, `scenarios/heldout`) or drawn from a
//! seed ([`random`]). [`Scenario::parse`] refuses one whole, with everything that is wrong in it.
//! Times are seconds, rates are requests per second, `load` is a rate in units of what the plant of
//! the first moment can serve.
//!
//! ```
//! use atrion_sim::Scenario;
//!
//! let half = r#"
//!     name = "half"
//!     purpose = "Half of the capacity."
//!     seconds = 20
//!     plant = { workers = 8, service = 0.02, deadline = 0.5 }
//!     load = { load = 0.5 }
//! "#;
//! assert!((Scenario::parse(half)?.capacity() - 400.0).abs() < 1e-9);
//!
//! let error = Scenario::parse(&half.replace("workers = 8", "workers = 0")).unwrap_err();
//! assert!(error.to_string().contains("`plant.workers` must be 1..=100000, got 0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access_log;
mod builtin;
mod check;
mod load;
mod nuisance;
mod plan;
pub mod random;
pub mod routes;
mod set;

pub use access_log::{AccessLog, LogLineError, LoggedRequest};
pub use check::{ScenarioError, ScenarioFault};
pub(crate) use load::ORDINARY;
pub use load::{LoadSpec, Retries, Wave};
pub use nuisance::{Nuisance, NuisanceEnd};
pub use plan::{Conditions, Plan};
pub use routes::{OwnPool, RouteSpec, Trouble};
pub use set::Set;

use serde::{Deserialize, Serialize};

/// Everything that is needed to repeat an experiment, but for the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Scenario {
    /// A short name, unique in its set.
    pub name: String,
    /// What a policy must get right here, in one sentence.
    pub purpose: String,
    /// How long it lasts.
    pub seconds: f64,
    /// From when on it is scored. Before, a policy may learn.
    #[serde(default = "five")]
    pub scored_from: f64,
    /// Width of the bins in which time is judged.
    #[serde(default = "one")]
    pub bin: f64,
    /// What stands behind the gate.
    pub plant: PlantSpec,
    /// What is asked of it.
    pub load: LoadSpec,
    /// The routes that share it; left out: one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub route: Vec<RouteSpec>,
    /// What changes, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change: Vec<Change>,
    /// Requests beside the ordinary ones that hold what they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nuisance: Vec<Nuisance>,
    /// Times in which nothing moves: collections of garbage, stalls of a disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
}

/// A pool of workers with one queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct PlantSpec {
    /// Calls that are served at the same time.
    pub workers: u32,
    /// Mean service time.
    pub service: f64,
    /// How service times spread around their mean.
    #[serde(default)]
    pub shape: Shape,
    /// Waiting places; a call that finds none fails at once. Left out: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// The callers' patience: an answer after it is worth nothing.
    pub deadline: f64,
    /// How much sooner than the deadline some clients leave: each has a patience of its own, evenly
    /// between so much less and all of it. 0..=1.
    #[serde(default)]
    pub haste: f64,
    /// Whether policies are told the deadline.
    #[serde(default = "yes")]
    pub told: bool,
    /// Where the gate stands, and so what it sees.
    #[serde(default)]
    pub gate: GateAt,
    /// Whether a queued call whose client has left is dropped when its turn comes. Usually it is
    /// not noticed.
    #[serde(default)]
    pub drops_abandoned: bool,
    /// What a refusal costs, in seconds of a worker.
    #[serde(default)]
    pub refusal_cost: f64,
    /// How much slower everything gets for each worker's worth of waiting calls: thrashing. 0 is
    /// none.
    #[serde(default)]
    pub contention: f64,
}

/// Where the gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum GateAt {
    /// In the server: a call is over when its work is done, also if the client has left.
    #[default]
    Server,
    /// At the caller: a call is over at the deadline, as a failure; the work behind it goes on
    /// unseen.
    Caller,
    /// In the server, where a call is dropped when its client leaves at the deadline: it gives up
    /// its place in the queue, and the gate hears of no outcome. Work that has begun goes on.
    Dropping,
}

/// How service times spread around their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Shape {
    /// Always the mean.
    Constant,
    /// Between a half and one and a half means.
    Even,
    /// Memoryless.
    #[default]
    Exponential,
    /// Log-normal with this standard deviation of the logarithm.
    Lognormal(f64),
    /// Pareto with this exponent, above 1: a heavy tail.
    Pareto(f64),
    /// This share of calls takes ten times as long as the others.
    TwoKinds(f64),
}

/// From `at` on, what is given here holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Change {
    /// When.
    pub at: f64,
    /// Seconds in which the rate moves to its new value.
    pub ramp: f64,
    /// The rate, in units of the first capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// The rate, in requests per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Shares of the tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<[f64; 5]>,
    /// Workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
    /// How fast work is done; 1 is normal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Mean service time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<f64>,
    /// Share of calls that fail whatever the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<f64>,
    /// How long such a failure takes; left out: as long as a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_seconds: Option<f64>,
    /// Share of calls that hang.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang: Option<f64>,
    /// How long they hang before they fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang_seconds: Option<f64>,
    /// Successes per second that a dependency allows; the rest fails at once. 0: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<f64>,
}

/// Every `every` seconds between `from` and `until`, nothing moves for `lasts` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Freeze {
    /// The first.
    pub from: f64,
    /// No later than this.
    pub until: f64,
    /// From one to the next.
    pub every: f64,
    /// How long each is.
    pub lasts: f64,
}

impl Scenario {
    /// A scenario from its TOML text.
    ///
    /// # Errors
    /// [`ScenarioError`] says what cannot be read, or everything that is wrong with what was read.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError::Unreadable(Box::new(error)))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// What the plant of the first moment can serve, in requests per second.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        f64::from(self.plant.workers) / self.plant.service
    }
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn five() -> f64 {
    5.0
}
