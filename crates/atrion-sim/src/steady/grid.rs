// SPDX-License-Identifier: Apache-2.0
//! Which services, under which load, for whom.

use crate::scenario::{Change, GateAt, LoadSpec, PlantSpec, Retries, Scenario, Shape};

/// One healthy service.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Row {
    /// Calls that are served at the same time.
    pub workers: u32,
    /// How service times spread.
    pub shape: Shape,
    /// Offered load, in units of the capacity.
    pub load: f64,
    /// The SLO in mean service times; `None`: nothing is ever late, and no policy is told anything.
    pub slo: Option<f64>,
    /// How requests come.
    pub coming: Coming,
    /// What was before the time that counts.
    pub start: Start,
    /// Whether clients try again, up to three times in all.
    pub retries: bool,
}

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_enums)] // a closed set: code that matches names them all
pub enum Coming {
    /// One by one, at random.
    Poisson,
    /// Four at a time in the mean, at random.
    Bursty,
    /// All at once, with this many seconds between.
    Lattice(f64),
}

/// What was before the time that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: code that matches names them all
pub enum Start {
    /// Nothing: the first request counts.
    First,
    /// Twenty seconds at a tenth of the capacity, Poisson or whatever the row says.
    Calm,
    /// Fifteen seconds at three times the capacity, then fifteen to come back.
    Overload,
}

/// The whole grid, in a fixed order.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let steady = |workers, shape, load, slo| Row {
        workers,
        shape,
        load,
        slo,
        coming: Coming::Poisson,
        start: Start::First,
        retries: false,
    };
    for workers in WORKERS {
        for shape in SHAPES {
            for load in LOADS {
                rows.extend(SLOS.map(|slo| steady(workers, shape, load, slo)));
            }
        }
    }
    for workers in [1, 2, 5, 16, 40] {
        for load in [0.5, 0.85] {
            for slo in SLOS {
                for coming in COMINGS {
                    let first = Row { coming, ..steady(workers, Shape::Exponential, load, slo) };
                    rows.extend([first, Row { start: Start::Calm, ..first }]);
                }
            }
        }
    }
    for workers in WORKERS {
        for slo in SLOS {
            let row = steady(workers, Shape::Exponential, 0.85, slo);
            rows.push(Row { retries: true, ..row });
            rows.extend([false, true].map(|retries| Row { start: Start::Overload, retries, ..row }));
        }
    }
    rows
}

/// The rows that are lived through for a whole day: of each kind of arrivals one or two small
/// services, which are hurt the most, at 85 %.
#[must_use]
pub fn of_a_day() -> Vec<Row> {
    let is_kept = |row: &Row| OF_A_DAY.iter().any(|name| row.name() == format!("steady-{name}-first"));
    rows().into_iter().filter(is_kept).collect()
}

const OF_A_DAY: [&str; 8] = [
    "w2-exp-85-noslo-poisson",
    "w2-exp-85-slo20-poisson",
    "w5-ln13-85-noslo-poisson",
    "w5-two-85-slo100-poisson",
    "w5-exp-85-slo20-bursty",
    "w5-exp-85-slo20-every500ms",
    "w2-exp-85-noslo-every1000ms",
    "w16-exp-85-slo20-every1000ms",
];

const WORKERS: [u32; 8] = [1, 2, 3, 5, 8, 16, 40, 100];

const SHAPES: [Shape; 6] = [
    Shape::Constant,
    Shape::Exponential,
    Shape::Lognormal(0.5),
    Shape::Lognormal(0.9),
    Shape::Lognormal(1.3),
    Shape::TwoKinds(0.1),
];

const LOADS: [f64; 4] = [0.5, 0.7, 0.85, 0.92];

const SLOS: [Option<f64>; 3] = [None, Some(20.0), Some(100.0)];

const COMINGS: [Coming; 5] =
    [Coming::Bursty, Coming::Lattice(0.1), Coming::Lattice(0.5), Coming::Lattice(1.0), Coming::Lattice(10.0)];

/// No service of the grid has more requests per second than this.
const MOST_RATE: f64 = 500.0;

/// The shortest mean service time of the grid, in seconds.
const SHORTEST: f64 = 0.02;

/// Where nothing is late, a deadline that no answer of the grid reaches, in seconds.
const NEVER: f64 = 600.0;

impl Row {
    /// A name that tells every field, unique in the grid.
    #[must_use]
    pub fn name(&self) -> String {
        let shape = match self.shape {
            Shape::Constant => "const".to_owned(),
            Shape::Even => "even".to_owned(),
            Shape::Exponential => "exp".to_owned(),
            Shape::Lognormal(sd) => format!("ln{:02.0}", 10.0 * sd),
            Shape::Pareto(exponent) => format!("pareto{:.0}", 10.0 * exponent),
            Shape::TwoKinds(_) => "two".to_owned(),
        };
        let slo = self.slo.map_or_else(|| "noslo".to_owned(), |slo| format!("slo{slo:.0}"));
        let coming = match self.coming {
            Coming::Poisson => "poisson".to_owned(),
            Coming::Bursty => "bursty".to_owned(),
            Coming::Lattice(every) => format!("every{:.0}ms", 1e3 * every),
        };
        let start = match self.start {
            Start::First => "first",
            Start::Calm => "calm",
            Start::Overload => "overload",
        };
        let retries = if self.retries { "-retries" } else { "" };
        format!("steady-w{}-{shape}-{:.0}-{slo}-{coming}-{start}{retries}", self.workers, 100.0 * self.load)
    }

    /// The scenario whose scored time lasts `seconds`.
    #[must_use]
    pub fn scenario(&self, seconds: f64) -> Scenario {
        let service = SHORTEST.max(f64::from(self.workers) / MOST_RATE);
        let load = |load: f64, at: f64| Change { at, load: Some(load), ..Change::default() };
        let (first, scored_from, change) = match self.start {
            Start::First => (self.load, 0.0, Vec::new()),
            Start::Calm => (0.1, 20.0, vec![load(self.load, 20.0)]),
            Start::Overload => (3.0, 30.0, vec![load(self.load, 15.0)]),
        };
        let (burst, lattice) = match self.coming {
            Coming::Poisson => (1.0, None),
            Coming::Bursty => (4.0, None),
            Coming::Lattice(every) => (1.0, Some(every)),
        };
        Scenario {
            name: self.name(),
            purpose: "A healthy service: nothing that would be in time is to be refused.".to_owned(),
            seconds: scored_from + seconds,
            scored_from,
            bin: 1.0,
            plant: PlantSpec {
                workers: self.workers,
                service,
                shape: self.shape,
                queue: None,
                deadline: self.slo.map_or(NEVER, |slo| slo * service),
                told: self.slo.is_some(),
                gate: GateAt::Server,
                drops_abandoned: false,
                haste: 0.0,
                refusal_cost: 0.0,
                contention: 0.0,
            },
            route: Vec::new(),
            load: LoadSpec {
                load: Some(first),
                burst,
                lattice,
                retries: self.retries.then_some(Retries { attempts: 3, backoff: 0.2, refused: true }),
                ..LoadSpec::default()
            },
            change,
            nuisance: Vec::new(),
            freeze: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plant::Arrivals;
    use crate::scenario::Plan;

    #[test]
    fn every_row_is_valid_and_has_a_name_of_its_own() {
        let rows = rows();
        let names: BTreeSet<_> = rows.iter().map(Row::name).collect();
        assert_eq!(names.len(), rows.len());
        for row in &rows {
            row.scenario(60.0).check().unwrap();
        }
    }

    #[test]
    fn every_row_of_a_day_is_one_of_the_grid() {
        assert_eq!(of_a_day().len(), OF_A_DAY.len());
    }

    #[test]
    fn the_load_is_what_the_row_says_whatever_the_arrivals_are() {
        for row in rows().into_iter().filter(|row| row.workers == 5) {
            let scenario = row.scenario(400.0);
            let plan = Plan::of(&scenario);
            let counted = Arrivals::new(&scenario, &plan, 3)
                .filter(|arrival| arrival.at as f64 * 1e-9 >= scenario.scored_from)
                .count();
            let load = counted as f64 / 400.0 / scenario.capacity();
            assert!((load / row.load - 1.0).abs() < 0.04, "{}: {load}", row.name());
        }
    }

    #[test]
    fn a_lattice_brings_everything_at_once_on_its_beat() {
        let row = Row {
            coming: Coming::Lattice(0.5),
            ..rows().into_iter().find(|row| row.workers == 5 && (row.load - 0.5).abs() < 1e-9).unwrap()
        };
        let scenario = row.scenario(10.0);
        let plan = Plan::of(&scenario);
        let at: Vec<u64> = Arrivals::new(&scenario, &plan, 1).map(|arrival| arrival.at).collect();
        // 250 /s at a half: 62.5 each half second, the halves carried over.
        assert!(at.iter().all(|at| at % 500_000_000 == 0));
        assert_eq!(at.iter().filter(|at| **at == 500_000_000).count(), 62);
        assert_eq!(at.iter().filter(|at| **at == 1_000_000_000).count(), 63);
    }
}
