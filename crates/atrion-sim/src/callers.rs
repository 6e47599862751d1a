// SPDX-License-Identifier: Apache-2.0
//! Many callers before one plant: each has a gate of its own, and none sees the others' calls.
//!
//! The experiments are those of the wind tunnel. Their requests are spread over callers, by a
//! [`Spread`], while callers come and go, by a [`Turnover`]. A run is scored as ever, as if all
//! gates were one; beside it stands how evenly callers are served and how soon one that joins is
//! served as the others.
//!
//! - **It promises** that a run is a pure function of scenario, row and seed, and that every policy
//!   meets the same requests at the same callers.
//! - **It does not know** what the gates are: any [`Entry`] can be put before each caller.

mod gates;
mod lives;
mod tally;
mod wire;

pub use lives::{Spread, Turnover};
pub use wire::Sharing;

use core::fmt;

use atrion_engine::ConfigError;

use crate::parallel::{self, Progress};
use crate::plant;
use crate::policy::Entry;
use crate::scenario::Scenario;
use crate::score::Components;
use gates::Gates;

/// How many callers there are, and what befalls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Row {
    /// Callers, at least 1.
    pub callers: u32,
    /// How requests are spread over them.
    pub spread: Spread,
    /// How they come and go.
    pub turnover: Turnover,
    /// What they know of each other.
    pub sharing: Sharing,
}

/// Numbers of callers of the grid; one is what a single gate does.
pub const COUNTS: [u32; 6] = [1, 2, 5, 10, 30, 100];

/// Every row: each number of callers, and at ten what may befall them.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for sharing in [Sharing::Alone, Sharing::Shared] {
        let even = |callers| Row { callers, spread: Spread::Even, turnover: Turnover::None, sharing };
        rows.extend(COUNTS.into_iter().map(even));
        for callers in [10, 30] {
            rows.push(Row { spread: Spread::Skewed, ..even(callers) });
            let events = Turnover::ALL.into_iter().filter(|turnover| *turnover != Turnover::None);
            rows.extend(events.map(|turnover| Row { turnover, ..even(callers) }));
        }
    }
    let troubles = Sharing::ALL.into_iter().skip(2);
    let spread = Spread::Even;
    rows.extend(troubles.map(|sharing| Row { callers: 10, spread, turnover: Turnover::None, sharing }));
    rows
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}-{}", self.callers, self.spread.name())?;
        if self.turnover != Turnover::None {
            write!(f, "-{}", self.turnover.name())?;
        }
        write!(f, "-{}", self.sharing.name())
    }
}

/// What came of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Run {
    /// The score's parts, of all gates together.
    pub components: Components,
    /// See [`Outcome::jain`].
    pub jain: Option<f64>,
    /// See [`Outcome::settled`].
    pub settled: Option<f64>,
}

/// What came of several runs in the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Outcome {
    /// The score of all gates together, 0..=100.
    pub score: f64,
    /// Jain's index over the callers' shares of answered requests while there was not enough for
    /// all, without what chance alone explains; 0..=1. `None` where there was enough.
    pub jain: Option<f64>,
    /// Seconds until callers that have come are served as the others. `None` where none came.
    pub settled: Option<f64>,
}

/// One row of the grid, lived through with every policy.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Lived {
    /// Which.
    pub row: Row,
    /// The outcome by policy, in their order; for each the mean and that of every scenario.
    pub outcomes: Vec<(Outcome, Vec<Outcome>)>,
}

/// One policy before each caller of the row.
///
/// # Errors
/// [`ConfigError`] of a policy that cannot be made.
pub fn run(scenario: &Scenario, entry: &Entry, row: Row, seed: u64) -> Result<Run, ConfigError> {
    let mut gates = Gates::new(scenario, entry, row)?;
    let record = plant::run(scenario, seed, &mut gates);
    let tally = gates.tally();
    let components = Components::of(&record);
    Ok(Run { components, jain: tally.jain(scenario.scored_from), settled: tally.settled() })
}

/// Every row with every policy through every scenario, with each seed.
///
/// # Errors
/// [`ConfigError`] of a policy that cannot be made.
pub fn live(
    scenarios: &[Scenario],
    rows: &[Row],
    entries: &[Entry],
    seeds: &[u64],
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Vec<Lived>, ConfigError> {
    let mut jobs = Vec::new();
    for row in rows {
        for entry in entries {
            for scenario in scenarios {
                jobs.extend(seeds.iter().map(|seed| (scenario, entry, *row, *seed)));
            }
        }
    }
    let done = parallel::map(&jobs, threads, progress, |&(scenario, entry, row, seed)| {
        run(scenario, entry, row, seed).map(Outcome::from)
    });
    let outcomes = done.into_iter().collect::<Result<Vec<_>, _>>()?;
    let of_scenarios: Vec<_> = outcomes.chunks(seeds.len().max(1)).map(mean).collect();
    let of_entries: Vec<_> =
        of_scenarios.chunks(scenarios.len().max(1)).map(|all| (mean(all), all.to_vec())).collect();
    let lived = rows.iter().zip(of_entries.chunks(entries.len().max(1)));
    Ok(lived.map(|(row, outcomes)| Lived { row: *row, outcomes: outcomes.to_vec() }).collect())
}

impl From<Run> for Outcome {
    fn from(Run { components, jain, settled }: Run) -> Self {
        Self { score: components.score(), jain, settled }
    }
}

fn mean(outcomes: &[Outcome]) -> Outcome {
    let over = |values: &mut dyn Iterator<Item = f64>| {
        let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
        (count > 0.0).then(|| sum / count)
    };
    Outcome {
        score: over(&mut outcomes.iter().map(|one| one.score)).unwrap_or(0.0),
        jain: over(&mut outcomes.iter().filter_map(|one| one.jain)),
        settled: over(&mut outcomes.iter().filter_map(|one| one.settled)),
    }
}
