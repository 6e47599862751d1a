// SPDX-License-Identifier: Apache-2.0
//! Which policies there are.

use std::time::Duration;

use atrion_core::adaptive::Laws;
use atrion_core::{AdaptiveConfig, RfcConfig, rfc};
use atrion_engine::{Config, ConfigError, Physics, RfcPhysics, RouteConfig};

use super::aimd::Aimd;
use super::breaker::Breaker;
use super::codel::Codel;
use super::dagor::Dagor;
use super::first::First;
use super::fixed::{Fixed, Nothing};
use super::gradient::Gradient2;
use super::limited::Limited;
use super::pid::Pid;
use super::rate::Rate;
use super::throttle::Throttle;
use super::vegas::Vegas;
use super::windowed::Windowed;
use super::{Guarded, Policy, Routing};
use crate::scenario::Scenario;

/// A policy that can be made for any scenario.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Entry {
    /// Its name in tables.
    pub name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Nothing,
    Static,
    StaticPart,
    Rate,
    Limit {
        by_tier: bool,
        limit: f64,
    },
    Breaker,
    Aimd {
        by_tier: bool,
    },
    Vegas {
        by_tier: bool,
    },
    Gradient {
        by_tier: bool,
        queue: f64,
    },
    Codel,
    Throttle,
    Dagor,
    Pid,
    Rfc,
    First,
    Adaptive(Box<AdaptiveConfig>, Routing),
    /// The same, where a request may wait for this share of the SLO.
    Patient(f64),
    /// The same, where the route may have no SLO, and clients may tell for how long they wait.
    Deadlines {
        knows_slo: bool,
        tells: bool,
    },
}

/// Every policy but the oracle and the ablations, in the order of the table.
#[must_use]
pub fn all() -> Vec<Entry> {
    let list = [
        ("adaptive", Kind::Adaptive(Box::default(), Routing::OneGate)),
        ("gradient2+tiers", Kind::Gradient { by_tier: true, queue: 4.0 }),
        ("gradient2(8)+tiers", Kind::Gradient { by_tier: true, queue: 8.0 }),
        ("gradient2", Kind::Gradient { by_tier: false, queue: 4.0 }),
        ("aimd+tiers", Kind::Aimd { by_tier: true }),
        ("aimd", Kind::Aimd { by_tier: false }),
        ("vegas+tiers", Kind::Vegas { by_tier: true }),
        ("vegas", Kind::Vegas { by_tier: false }),
        ("pid", Kind::Pid),
        ("dagor", Kind::Dagor),
        ("codel+lifo", Kind::Codel),
        ("static", Kind::Static),
        ("rate-limit", Kind::Rate),
        ("sre-throttling", Kind::Throttle),
        ("breaker", Kind::Breaker),
        ("rfc", Kind::Rfc),
        ("nothing", Kind::Nothing),
    ];
    list.into_iter().map(|(name, kind)| Entry { name: name.to_owned(), kind }).collect()
}

/// The law as it was first specified. It knows no failures, so it is measured in health alone.
#[must_use]
pub fn of_health() -> Vec<Entry> {
    vec![Entry { name: "first-law".to_owned(), kind: Kind::First }]
}

/// The preset `adaptive` in the three ways to guard routes that share a plant.
#[must_use]
pub fn of_routes() -> Vec<Entry> {
    let ways = [("one-gate", Routing::OneGate), ("grouped", Routing::Grouped), ("alone", Routing::Alone)];
    let entry = |(name, routing): (&str, _)| Entry {
        name: name.to_owned(),
        kind: Kind::Adaptive(Box::default(), routing),
    };
    ways.into_iter().map(entry).collect()
}

/// What each of many callers may have before one plant. The last is told how many they are, and
/// what the plant can do.
#[must_use]
pub fn of_callers() -> Vec<Entry> {
    let alone = ["adaptive", "gradient2+tiers", "vegas+tiers", "aimd+tiers"];
    let known = all().into_iter().filter(|entry| alone.contains(&entry.name.as_str()));
    known.chain([Entry { name: "static/k".to_owned(), kind: Kind::StaticPart }]).collect()
}

/// The preset `adaptive` where a request waits for up to a tenth of the SLO before it is refused.
/// Where no SLO is told, it is refused at once.
#[must_use]
pub fn patient() -> Vec<Entry> {
    vec![Entry { name: "adaptive+wait".to_owned(), kind: Kind::Patient(0.1) }]
}

/// The preset `adaptive` where clients tell for how long they wait, with an SLO beside it and
/// without; and without both. With an SLO alone it is `adaptive`.
#[must_use]
pub fn of_deadlines() -> Vec<Entry> {
    let ways = [
        ("adaptive+deadlines", Kind::Deadlines { knows_slo: true, tells: true }),
        ("no-slo", Kind::Deadlines { knows_slo: false, tells: false }),
        ("no-slo+deadlines", Kind::Deadlines { knows_slo: false, tells: true }),
    ];
    ways.into_iter().map(|(name, kind)| Entry { name: name.to_owned(), kind }).collect()
}

/// The preset `adaptive` with one law switched off each.
#[must_use]
pub fn ablations() -> Vec<Entry> {
    let on = Laws::default();
    let without = [
        ("memory-of-health", Laws { memory_of_health: false, ..on }),
        ("shrinking-slack", Laws { shrinking_slack: false, ..on }),
        ("room", Laws { room: false, ..on }),
        ("square-root-staffing", Laws { square_root_staffing: false, ..on }),
        ("elasticity", Laws { elasticity: false, ..on }),
        ("ceiling", Laws { ceiling: false, ..on }),
        ("debt", Laws { debt: false, ..on }),
        ("effectiveness", Laws { effectiveness: false, ..on }),
        ("scar", Laws { scar: false, ..on }),
        ("staleness", Laws { staleness: false, ..on }),
        ("dead", Laws { dead: false, ..on }),
        ("charge", Laws { charge: false, ..on }),
    ];
    without
        .into_iter()
        .map(|(law, laws)| {
            Entry::adaptive(format!("no-{law}"), AdaptiveConfig { laws, ..AdaptiveConfig::default() })
        })
        .collect()
}

/// Static limits with priorities among which the oracle may choose after the fact, for one
/// scenario.
#[must_use]
pub fn oracle_limits(scenario: &Scenario) -> Vec<Entry> {
    let most =
        scenario.change.iter().filter_map(|change| change.workers).fold(scenario.plant.workers, u32::max);
    let workers = f64::from(most);
    let factors = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 60.0];
    let mut limits: Vec<f64> = factors.iter().map(|factor| (workers * factor).max(1.0).round()).collect();
    limits.dedup_by(|a, b| a.to_bits() == b.to_bits());
    limits
        .into_iter()
        .map(|limit| Entry { name: format!("limit-{limit}"), kind: Kind::Limit { by_tier: true, limit } })
        .collect()
}

impl Entry {
    /// The preset `adaptive` with other numbers.
    #[must_use]
    pub fn adaptive(name: String, config: AdaptiveConfig) -> Self {
        Self { name, kind: Kind::Adaptive(Box::new(config), Routing::OneGate) }
    }

    /// The policy for one run.
    ///
    /// # Errors
    /// [`ConfigError`] if the preset's numbers are not valid.
    pub fn make(&self, scenario: &Scenario) -> Result<Box<dyn Policy>, ConfigError> {
        self.make_for(scenario, 1)
    }

    /// The policy for one run, for one of so many callers.
    ///
    /// # Errors
    /// [`ConfigError`] if the preset's numbers are not valid.
    pub fn make_for(&self, scenario: &Scenario, callers: u32) -> Result<Box<dyn Policy>, ConfigError> {
        let plant = &scenario.plant;
        let deadline = plant.told.then(|| Duration::from_secs_f64(plant.deadline));
        Ok(match &self.kind {
            Kind::Nothing => Box::new(Nothing),
            // What a load test on the day before would have set: one waiting call for each two
            // workers.
            Kind::Static => Box::new(Limited::plain(Fixed((1.5 * f64::from(plant.workers)).ceil()))),
            Kind::StaticPart => {
                let limit = 1.5 * f64::from(plant.workers) / f64::from(callers.max(1));
                gate(Fixed(limit.max(1.0)), true)
            }
            Kind::Rate => Box::new(Rate::new(scenario.capacity())),
            Kind::Limit { by_tier, limit } => gate(Fixed(*limit), *by_tier),
            Kind::Breaker => Box::new(Breaker::new(deadline)),
            Kind::Aimd { by_tier } => gate(Aimd::new(deadline), *by_tier),
            Kind::Vegas { by_tier } => gate(Windowed::new(Vegas::new()), *by_tier),
            Kind::Gradient { by_tier, queue } => gate(Windowed::new(Gradient2::new(*queue)), *by_tier),
            Kind::Codel => Box::new(Codel::default()),
            Kind::Throttle => Box::new(Throttle::new(deadline)),
            Kind::Dagor => Box::new(Dagor::new()),
            Kind::Pid => Box::new(Pid::new()),
            Kind::First => Box::new(First::new(deadline)),
            Kind::Rfc => {
                let latency = deadline.map_or(0.1, |deadline| deadline.as_secs_f64());
                let slo = rfc::Slo { latency, ..rfc::Slo::default() };
                let physics = Physics::Rfc(RfcPhysics { law: RfcConfig::default(), slo });
                Box::new(guarded(physics, 1, Routing::OneGate)?)
            }
            Kind::Adaptive(config, routing) => {
                let one_callee = callers > 1;
                let physics = AdaptiveConfig { slo: deadline, one_callee, ..(**config).clone() };
                Box::new(guarded(Physics::Adaptive(physics), scenario.route.len(), *routing)?)
            }
            Kind::Patient(share) => {
                let physics = AdaptiveConfig { slo: deadline, ..AdaptiveConfig::default() };
                let patience = deadline.unwrap_or_default().mul_f64(*share);
                Box::new(guarded(Physics::Adaptive(physics), 1, Routing::OneGate)?.patient(patience))
            }
            Kind::Deadlines { knows_slo, tells } => {
                let physics =
                    AdaptiveConfig { slo: deadline.filter(|_| *knows_slo), ..AdaptiveConfig::default() };
                let gate = guarded(Physics::Adaptive(physics), 1, Routing::OneGate)?;
                Box::new(gate.told_deadlines(*tells))
            }
        })
    }
}

fn gate(limit: impl super::limited::Limit + 'static, by_tier: bool) -> Box<dyn Policy> {
    if by_tier { Box::new(Limited::by_tier(limit)) } else { Box::new(Limited::plain(limit)) }
}

fn guarded(physics: Physics, routes: usize, routing: Routing) -> Result<Guarded, ConfigError> {
    let default = RouteConfig { physics, ..RouteConfig::default() };
    Guarded::with_routes(Config { default, ..Config::default() }, routes, routing)
}
