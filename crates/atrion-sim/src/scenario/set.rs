// SPDX-License-Identifier: Apache-2.0
//! Sets of scenarios: named, held out, or drawn from a seed.

use core::fmt;
use core::str::FromStr;

use super::{Scenario, ScenarioError, builtin, random, routes};
use crate::nuisance;

/// Sets of scenarios that are kept apart: what one learned from the first must show on the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Set {
    /// The shapes that matter, for training.
    Named,
    /// Others of the same kind, for decisions.
    Heldout,
    /// Services with room to spare, and clients that hold slots: see [`crate::nuisance`].
    Nuisance,
    /// The named ones, and what befalls a plant behind many callers: see [`crate::callers`].
    Callers,
    /// The named ones behind several routes, and what befalls single routes.
    Routes,
    /// The named and the held-out ones, with clients of which each has a patience of its own.
    Hasty,
    /// A number of random plants from a seed: blind as long as the seed was never used before.
    Random(u32, u64),
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
            Self::Callers => Ok([builtin::named()?, builtin::callers()?].concat()),
            Self::Nuisance => Ok(nuisance::rows().into_iter().map(|row| row.scenario()).collect()),
            Self::Routes => routes::scenarios(),
            Self::Hasty => {
                Ok([builtin::named()?, builtin::heldout()?].concat().into_iter().map(hasty).collect())
            }
            Self::Random(count, seed) => Ok((0..count).map(|nth| random::plant(seed, nth)).collect()),
        }
    }
}

impl FromStr for Set {
    type Err = ScenarioError;

    /// `named`, `heldout`, `callers`, `nuisance`, `routes`, `hasty`, or `random:N:SEED`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || ScenarioError::UnknownSet(text.to_owned());
        match text.split(':').collect::<Vec<_>>()[..] {
            ["named"] => Ok(Self::Named),
            ["heldout"] => Ok(Self::Heldout),
            ["callers"] => Ok(Self::Callers),
            ["nuisance"] => Ok(Self::Nuisance),
            ["routes"] => Ok(Self::Routes),
            ["hasty"] => Ok(Self::Hasty),
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

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("named"),
            Self::Heldout => f.write_str("heldout"),
            Self::Callers => f.write_str("callers"),
            Self::Nuisance => f.write_str("nuisance"),
            Self::Routes => f.write_str("routes"),
            Self::Hasty => f.write_str("hasty"),
            Self::Random(count, seed) => write!(f, "random:{count}:{seed}"),
        }
    }
}

/// The hastiest client waits for a tenth of the deadline.
fn hasty(mut scenario: Scenario) -> Scenario {
    scenario.name = format!("{}-hasty", scenario.name);
    scenario.plant.haste = 0.9;
    scenario
}

/// A hundred times as many as were ever run.
const MOST_RANDOM: u32 = 100_000;
