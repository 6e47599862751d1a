// SPDX-License-Identifier: Apache-2.0
//! Health: services that are *not* overloaded, for a long time. How many requests does a gate
//! refuse?
//!
//! The other sets ask what a gate does in trouble; here it has nothing to do. A row is one service
//! under at most 92 % of its capacity, and what counts is the share of attempts that the policy
//! refuses, minute by minute, beside an [omniscient gate](omniscient) that refuses a request only
//! if its answer would be late.
//!
//! The grid crosses sizes, shapes of service times, loads and SLOs with Poisson arrivals, and a
//! smaller choice of services with bursts, with arrivals on a lattice (everything at once, at equal
//! intervals), after a calm, after an overload, and with clients that retry. Service times are
//! chosen so that no service is asked for more than about 500 requests per second: what is
//! simulated is the ratio of times, not their length.
//!
//! It does not score: [`crate::score`] does. Latency and lateness of what was admitted are left to
//! it.

mod grid;
mod omniscient;

pub use grid::{Coming, Row, Start, of_a_day, rows};
pub use omniscient::omniscient;

use atrion_engine::ConfigError;

use crate::parallel::{self, Progress};
use crate::plant;
use crate::policy::{Entry, Policy};
use crate::scenario::Scenario;
use crate::score::Record;

/// What one policy refused in one life.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Refusals {
    /// Share of all scored attempts that were refused, 0..=1.
    pub share: f64,
    /// The same for each full minute of the scored time, in order.
    pub minutes: Vec<f64>,
}

impl Refusals {
    /// Lives through `scenario` with `policy`.
    pub fn of(scenario: &Scenario, seed: u64, policy: &mut dyn Policy) -> Self {
        Self::count(&plant::run(scenario, seed, policy))
    }

    fn count(record: &Record) -> Self {
        let per_minute = (60.0 / record.width()).round().max(1.0) as usize;
        let attempts: Vec<(u32, u32)> =
            record.scored().map(|bin| (bin.attempts, bin.attempts.saturating_sub(bin.passed))).collect();
        Self { share: share(&attempts), minutes: attempts.chunks_exact(per_minute).map(share).collect() }
    }

    /// The share of the worst minute, 0..=1.
    #[must_use]
    pub fn worst_minute(&self) -> f64 {
        self.minutes.iter().copied().fold(0.0, f64::max)
    }

    /// The shares of the first and of the last hour, 0..=1, as means over their minutes: what is
    /// learned in a long life. Of a shorter life each is the mean of all of it.
    #[must_use]
    pub fn hours(&self) -> (f64, f64) {
        let mean = |minutes: &[f64]| minutes.iter().sum::<f64>() / minutes.len().max(1) as f64;
        let hour = self.minutes.len().min(60);
        (mean(&self.minutes[..hour]), mean(&self.minutes[self.minutes.len() - hour..]))
    }
}

/// One row, and what every policy refused on it.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Lived {
    /// The service.
    pub row: Row,
    /// The share that an omniscient gate refuses, 0..=1.
    pub omniscient: f64,
    /// What the policies refused, in their order.
    pub refused: Vec<Refusals>,
}

impl Lived {
    /// The goal is for rows of at most 85 % load.
    #[must_use]
    pub fn has_goal(&self) -> bool {
        self.row.load <= 0.85 + 1e-9
    }

    /// By how much the `nth` policy refuses more than 0.1 % and twice what the omniscient gate
    /// refuses; negative where it does not.
    #[must_use]
    pub fn excess(&self, nth: usize) -> f64 {
        let share = self.refused.get(nth).map_or(0.0, |refused| refused.share);
        share - (TRIFLE + 2.0 * self.omniscient)
    }

    /// Whether the `nth` policy refuses more than the `other` one, by more than a trifle.
    #[must_use]
    pub fn is_worse(&self, nth: usize, other: usize) -> bool {
        let share = |nth: usize| self.refused.get(nth).map_or(0.0, |refused| refused.share);
        share(nth) > share(other) + TRIFLE
    }
}

/// Lives through every row with every policy, `seconds` each, and gives the results back in the
/// order of the rows.
///
/// # Errors
/// [`ConfigError`] of a policy that cannot be made.
pub fn live(
    rows: &[Row],
    entries: &[Entry],
    seconds: f64,
    seed: u64,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Vec<Lived>, ConfigError> {
    let lived = parallel::map(rows, threads, progress, |row| {
        let scenario = row.scenario(seconds);
        let refused = entries
            .iter()
            .map(|entry| Ok(Refusals::of(&scenario, seed, entry.make(&scenario)?.as_mut())))
            .collect::<Result<_, ConfigError>>()?;
        Ok(Lived { row: *row, omniscient: omniscient(&scenario, seed), refused })
    });
    lived.into_iter().collect()
}

/// The share of attempts that counts for nothing.
const TRIFLE: f64 = 0.001;

fn share(bins: &[(u32, u32)]) -> f64 {
    let attempts: u64 = bins.iter().map(|bin| u64::from(bin.0)).sum();
    let refused: u64 = bins.iter().map(|bin| u64::from(bin.1)).sum();
    if attempts == 0 { 0.0 } else { refused as f64 / attempts as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;

    fn lived(policies: &[&str]) -> Lived {
        let named = |name: &&str| policy::all().into_iter().find(|entry| entry.name == **name).unwrap();
        let entries: Vec<Entry> = policies.iter().map(named).collect();
        let row =
            rows().into_iter().find(|row| row.name() == "steady-w2-exp-85-noslo-poisson-first").unwrap();
        live(&[row], &entries, 120.0, 1, 1, &|_| {}).unwrap().remove(0)
    }

    #[test]
    fn a_gate_that_is_open_refuses_nothing_in_any_minute() {
        let lived = lived(&["nothing"]);
        let open = &lived.refused[0];
        assert!(open.share <= 0.0 && open.worst_minute() <= 0.0 && open.minutes.len() == 2, "{open:?}");
        assert!(lived.has_goal() && lived.excess(0) < 0.0);
    }

    #[test]
    fn a_limit_that_is_too_small_for_the_natural_crowd_is_found() {
        // Three in flight, where the mean of the crowd is six: Erlang's loss formula with one
        // waiting place says a quarter.
        let lived = lived(&["nothing", "static"]);
        let fixed = &lived.refused[1];
        assert!((0.2..0.3).contains(&fixed.share), "{fixed:?}");
        assert!(fixed.worst_minute() >= fixed.share && fixed.hours().1 > 0.2);
        assert!(lived.excess(1) > 0.2 && lived.omniscient <= 0.0);
    }
}
