// SPDX-License-Identifier: Apache-2.0
//! Which services, and what is done to them.

use atrion_core::Tier;

use crate::scenario::{GateAt, LoadSpec, Nuisance, NuisanceEnd, PlantSpec, Scenario, Shape};

/// One service and one nuisance.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Row {
    /// The service.
    pub service: Service,
    /// What the nuisance does.
    pub holding: Holding,
    /// How important its requests are.
    pub tier: Tier,
    /// The SLO in seconds; `None`: nothing is ever late.
    pub slo: Option<f64>,
}

/// A service and its ordinary users.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Service {
    /// A word for its size.
    pub name: &'static str,
    /// Calls that are served at the same time.
    pub workers: u32,
    /// Mean service time in seconds, exponential.
    pub service: f64,
    /// Requests per second of ordinary users.
    pub rate: f64,
}

/// What a nuisance does with its time.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Holding {
    /// A word for it.
    pub name: &'static str,
    /// Requests per second.
    pub rate: f64,
    /// No more than this many at once.
    pub connections: u32,
    /// How long each is in flight, in seconds.
    pub holds: f64,
    /// How each ends.
    pub end: NuisanceEnd,
    /// Seconds on, and as many off.
    pub wave: Option<f64>,
    /// The part of the workers that all of them together hold.
    pub workers: f64,
}

/// When a nuisance begins, in seconds.
pub const BEGINS: f64 = 10.0;

/// The whole grid, in a fixed order.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for service in SERVICES {
        for holding in HOLDINGS {
            for tier in [Tier::Normal, Tier::Bulk] {
                rows.extend([None, Some(1.0)].map(|slo| Row { service, holding, tier, slo }));
            }
        }
    }
    rows
}

const SERVICES: [Service; 5] = [
    Service { name: "slow5", workers: 8, service: 0.1, rate: 5.0 },
    Service { name: "fast50", workers: 8, service: 0.005, rate: 50.0 },
    Service { name: "small50", workers: 8, service: 0.05, rate: 50.0 },
    Service { name: "wide500", workers: 64, service: 0.05, rate: 500.0 },
    Service { name: "fast1000", workers: 16, service: 0.008, rate: 1000.0 },
];

const HOLDINGS: [Holding; 13] = [
    uploads("uploads5", 5),
    uploads("uploads20", 20),
    uploads("uploads300", 300),
    uploads("uploads1000", 1000),
    Holding { rate: 1.0, ..uploads("paced50", 50) },
    Holding { rate: 100.0, ..uploads("paced1000", 1000) },
    Holding { holds: 10.0, wave: Some(10.0), ..uploads("waves20", 20) },
    Holding { holds: 10.0, wave: Some(10.0), ..uploads("waves300", 300) },
    Holding { holds: 25.0, end: NuisanceEnd::Answered, ..uploads("polls20", 20) },
    Holding { holds: 2.0, rate: 100.0, ..uploads("leavers200", 200) },
    Holding { holds: 0.001, rate: 300.0, end: NuisanceEnd::Ignored, ..uploads("scanner300", 300) },
    Holding { holds: 5.0, end: NuisanceEnd::Answered, workers: 0.25, ..uploads("working", 0) },
    Holding { holds: 600.0, workers: 0.25, ..uploads("hung", 0) },
];

/// Connections, all opened within a tenth of a second, for as long as the row lasts.
const fn uploads(name: &'static str, connections: u32) -> Holding {
    let rate = 10.0 * connections as f64;
    Holding { name, rate, connections, holds: 600.0, end: NuisanceEnd::Left, wave: None, workers: 0.0 }
}

impl Row {
    /// A name that tells every field, unique in the grid.
    #[must_use]
    pub fn name(&self) -> String {
        let slo = if self.slo.is_some() { "slo" } else { "noslo" };
        format!("{}-{}-{}-{slo}", self.service.name, self.holding.name, self.tier)
    }

    /// The row as a scenario.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        let Self { service, holding, tier, slo } = *self;
        let held = holding.workers * f64::from(service.workers);
        let (rate, connections) = if holding.workers > 0.0 {
            (held / holding.holds.min(5.0), held as u32)
        } else {
            (holding.rate, holding.connections)
        };
        Scenario {
            name: self.name(),
            purpose: "No other client notices one that holds what it was given.".to_owned(),
            seconds: 45.0,
            scored_from: BEGINS + 1.0,
            bin: 1.0,
            plant: PlantSpec {
                workers: service.workers,
                service: service.service,
                shape: Shape::Exponential,
                queue: None,
                deadline: slo.unwrap_or(NEVER),
                told: slo.is_some(),
                gate: GateAt::Server,
                drops_abandoned: false,
                haste: 0.0,
                refusal_cost: 0.0,
                contention: 0.0,
            },
            route: Vec::new(),
            load: LoadSpec { rate: Some(service.rate), ..LoadSpec::default() },
            change: Vec::new(),
            nuisance: vec![Nuisance {
                tier,
                rate,
                connections,
                holds: holding.holds,
                worker: holding.workers > 0.0,
                end: holding.end,
                from: BEGINS,
                wave: holding.wave,
            }],
            freeze: Vec::new(),
        }
    }
}

/// Where nothing is late, a deadline that no answer of the grid reaches, in seconds.
const NEVER: f64 = 600.0;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_and_can_be_run() {
        let rows = rows();
        let names: BTreeSet<_> = rows.iter().map(Row::name).collect();
        assert_eq!(names.len(), rows.len());
        rows.iter().for_each(|row| row.scenario().check().unwrap());
    }
}
