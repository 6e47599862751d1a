// SPDX-License-Identifier: Apache-2.0
//! Troubles by sizes by gammas by seeds, over several threads, and the mean of what came out.

use atrion_core::{Direction, Gamma};
use serde::Serialize;

use super::{Braking, Fleet, FleetError, Outcome, Trouble};
use crate::parallel::{self, Progress};

/// Which fleets are compared.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Grid {
    /// What goes wrong.
    pub troubles: Vec<Trouble>,
    /// How many nodes they have.
    pub nodes: Vec<usize>,
    /// How they weigh the fleet against the node itself.
    pub gammas: Vec<Gamma>,
    /// Which way the fleet may move a node.
    pub direction: Direction,
    /// With which luck.
    pub seeds: Vec<u64>,
}

/// The mean over all seeds of one trouble, size and gamma.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Row {
    /// What went wrong.
    #[serde(serialize_with = "as_text")]
    pub trouble: Trouble,
    /// How many nodes it had.
    pub nodes: usize,
    /// The weight of the fleet.
    pub gamma: Gamma,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Grid {
    /// How many lives that are.
    #[must_use]
    pub fn lives(&self) -> usize {
        self.troubles.len() * self.nodes.len() * self.gammas.len() * self.seeds.len()
    }

    /// Lives through all of them. The rows come in the order of the grid, whatever the threads do.
    ///
    /// # Errors
    /// [`FleetError`] of a fleet that cannot live.
    pub fn live(&self, threads: usize, progress: &Progress<'_>) -> Result<Vec<Row>, FleetError> {
        let mut fleets = Vec::with_capacity(self.lives());
        for trouble in &self.troubles {
            for nodes in &self.nodes {
                for gamma in &self.gammas {
                    fleets.extend(self.seeds.iter().map(|seed| Fleet {
                        gamma: Some(*gamma),
                        direction: self.direction,
                        ..Fleet::new(*nodes, *trouble, *seed)
                    }));
                }
            }
        }
        let outcomes = parallel::map(&fleets, threads, progress, Fleet::live);
        let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        let per_row = self.seeds.len().max(1);
        let rows = fleets.chunks(per_row).zip(outcomes.chunks(per_row));
        Ok(rows.filter_map(|(fleets, outcomes)| Row::of(fleets.first()?, outcomes)).collect())
    }
}

impl Row {
    fn of(fleet: &Fleet, outcomes: &[Outcome]) -> Option<Self> {
        let outcome = Outcome::mean(outcomes)?;
        Some(Self { trouble: fleet.trouble, nodes: fleet.nodes, gamma: fleet.gamma?, outcome })
    }
}

impl Outcome {
    /// The mean of several lives; of counts and digests, the first's.
    fn mean(all: &[Self]) -> Option<Self> {
        let first = all.first()?;
        let mean = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        Some(Self {
            busy: Braking::mean(all.iter().filter_map(|one| one.busy)),
            slow: Braking::mean(all.iter().filter_map(|one| one.slow)),
            false_sheds: some_mean(all.iter().filter_map(|one| one.false_sheds)),
            false_important: some_mean(all.iter().filter_map(|one| one.false_important)),
            false_ohms: some_mean(all.iter().filter_map(|one| one.false_ohms)),
            victims: some_mean(all.iter().filter_map(|one| one.victims)),
            recovery: mean(|one| one.recovery),
            recovery_worst: mean(|one| one.recovery_worst),
            ..*first
        })
    }
}

impl Braking {
    fn mean(all: impl Iterator<Item = Self> + Clone) -> Option<Self> {
        let mean = |of: fn(&Self) -> f64| some_mean(all.clone().map(|one| of(&one)));
        Some(Self {
            seconds: mean(|one| one.seconds)?,
            failed_before: mean(|one| one.failed_before)?,
            failed: mean(|one| one.failed)?,
            warned: mean(|one| one.warned)?,
            never: mean(|one| one.never)?,
        })
    }
}

fn some_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn as_text<S: serde::Serializer>(trouble: &Trouble, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(trouble.as_str())
}
