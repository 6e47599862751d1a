// SPDX-License-Identifier: Apache-2.0
//! A scenario: a plant, what is asked of it, and what happens to it, as data with a stated purpose.
//!
//! Scenarios are TOML files of this crate (`scenarios/named`, `scenarios/heldout`) or drawn from a
//! seed ([`random`]). [`Scenario::parse`] refuses one whole, with everything that is wrong in it.
//! Times are seconds, rates are requests per second, `load` is a rate in units of what the plant of
//! the first moment can serve.

mod access_log;
mod builtin;
mod check;
mod plan;
pub mod random;

pub use access_log::{AccessLog, LogLineError, LoggedRequest};
pub use check::{Fault, ScenarioError};
pub use plan::{Conditions, Plan};

use atrion_core::Tier;
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
    /// What changes, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change: Vec<Change>,
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

/// Arrivals: Poisson, or bursts of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct LoadSpec {
    /// In units of the plant's first capacity. Either this or `rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Shares of the tiers, the most important first.
    #[serde(default = "ordinary")]
    pub tiers: [f64; 5],
    /// How many users send them; a tenth of them sends half.
    #[serde(default = "five_hundred")]
    pub users: u32,
    /// Mean number of requests that come at the same moment.
    #[serde(default = "one")]
    pub burst: f64,
    /// All requests of so many seconds come at once, at the end of them: timers, batches, pollers. Left out: at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lattice: Option<f64>,
    /// A rate that swings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Wave>,
    /// Clients that try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// Arrival times of an access log instead of Poisson: seconds since its first line, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<f64>,
    /// Their tiers, where a recording knows them: as many, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded_tiers: Vec<Tier>,
}

impl Default for LoadSpec {
    /// No load, from ordinary users.
    fn default() -> Self {
        Self {
            load: None,
            rate: None,
            tiers: ORDINARY,
            users: five_hundred(),
            burst: 1.0,
            lattice: None,
            wave: None,
            retries: None,
            recorded: Vec::new(),
            recorded_tiers: Vec::new(),
        }
    }
}

/// The rate is multiplied with `1 + amplitude sin(2 pi t / period)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Wave {
    /// Seconds from crest to crest.
    pub period: f64,
    /// 0..=1.
    pub amplitude: f64,
}

/// What a client does after a failure, a refusal or an answer that did not come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Retries {
    /// Attempts in all.
    pub attempts: u32,
    /// Mean pause before the second attempt; it doubles from attempt to attempt and is jittered by
    /// half.
    pub backoff: f64,
    /// Whether refusals are tried again, too.
    #[serde(default = "yes")]
    pub refused: bool,
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

/// Sets of scenarios that are kept apart: what one learned from the first must show on the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Set {
    /// The shapes that matter, for training.
    Named,
    /// Others of the same kind, for decisions.
    Heldout,
    /// A number of random plants from a seed: blind as long as the seed was never used before.
    Random(u32, u64),
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

impl Set {
    /// The scenarios of the set, in a fixed order.
    ///
    /// # Errors
    /// [`ScenarioError`] of the first file that is not valid.
    pub fn scenarios(self) -> Result<Vec<Scenario>, ScenarioError> {
        match self {
            Self::Named => builtin::named(),
            Self::Heldout => builtin::heldout(),
            Self::Random(count, seed) => Ok((0..count).map(|nth| random::plant(seed, nth)).collect()),
        }
    }
}

impl core::str::FromStr for Set {
    type Err = ScenarioError;

    /// `named`, `heldout`, or `random:N:SEED`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || ScenarioError::UnknownSet(text.to_owned());
        match text.split(':').collect::<Vec<_>>()[..] {
            ["named"] => Ok(Self::Named),
            ["heldout"] => Ok(Self::Heldout),
            ["random", count, seed] => {
                let count: u32 = count.parse().map_err(|_| unknown())?;
                let seed: u64 = seed.parse().map_err(|_| unknown())?;
                if (1..=MOST_RANDOM).contains(&count) {
                    Ok(Self::Random(count, seed))
                } else {
                    Err(unknown())
                }
            }
            _ => Err(unknown()),
        }
    }
}

impl core::fmt::Display for Set {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Named => f.write_str("named"),
            Self::Heldout => f.write_str("heldout"),
            Self::Random(count, seed) => write!(f, "random:{count}:{seed}"),
        }
    }
}

/// A hundred times as many as were ever run.
const MOST_RANDOM: u32 = 100_000;

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn five() -> f64 {
    5.0
}

fn five_hundred() -> u32 {
    500
}

fn ordinary() -> [f64; 5] {
    ORDINARY
}

/// Shares of the tiers in ordinary traffic.
pub(crate) const ORDINARY: [f64; 5] = [0.1, 0.2, 0.4, 0.2, 0.1];
