// SPDX-License-Identifier: Apache-2.0
//! Nuisances: services with room to spare, and clients that hold what they are given. How many
//! requests of others does a gate refuse?
//!
//! Slow uploads, long polls, watches and calls that hang hold a slot and no worker; scanners are
//! answered with nothing but 404; some clients leave before they are answered. None of it uses the
//! capacity up, so no other client ought to notice. Where a nuisance holds workers, enough are
//! left.
//!
//! A row is one service and one nuisance, which begins at [`BEGINS`] and is judged from a second
//! later on. What counts is the share of the ordinary requests of the nuisance's own tier and of
//! higher ones that is refused. What lower tiers lose is not judged.

mod grid;

pub use grid::{BEGINS, Holding, Row, Service, rows};

use atrion_core::Tier;
use atrion_engine::ConfigError;

use crate::parallel::{self, Progress};
use crate::plant;
use crate::policy::Entry;
use crate::score::Record;

/// One row, and what every policy refused to others on it.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Lived {
    /// The service and the nuisance.
    pub row: Row,
    /// The shares of others' requests that the policies refused, 0..=1, in their order.
    pub refused: Vec<f64>,
}

/// The most that may be refused to others, as a share.
pub const GOAL: f64 = 0.01;

/// Lives through every row with every policy and gives the results back in the order of the rows.
///
/// # Errors
/// [`ConfigError`] of a policy that cannot be made.
pub fn live(
    rows: &[Row],
    entries: &[Entry],
    seed: u64,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Vec<Lived>, ConfigError> {
    let lived = parallel::map(rows, threads, progress, |row| {
        let scenario = row.scenario();
        let refused = entries.iter().map(|entry| {
            let record = plant::run(&scenario, seed, entry.make(&scenario)?.as_mut());
            Ok(refused(&record, row.tier))
        });
        Ok(Lived { row: *row, refused: refused.collect::<Result<_, ConfigError>>()? })
    });
    lived.into_iter().collect()
}

/// The share of requests of `least` and higher tiers that were refused, 0..=1.
#[must_use]
pub fn refused(record: &Record, least: Tier) -> f64 {
    let tiers = || Tier::ALL.iter().enumerate().filter(|(_, tier)| **tier >= least).map(|(nth, _)| nth);
    let (mut offered, mut refused) = (0.0, 0.0);
    for bin in record.scored() {
        for nth in tiers() {
            offered += f64::from(bin.offered[nth]);
            refused += f64::from(bin.refused[nth]);
        }
    }
    if offered > 0.0 { refused / offered } else { 0.0 }
}
