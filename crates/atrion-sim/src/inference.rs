// SPDX-License-Identifier: Apache-2.0
//! A model that is served by continuous batching, and gates before it.
//!
//! Answers are streams: a request is prefilled, and then it gets a token with each step of the batch
//! that it is in. A fuller batch makes every step slower, and a request that finds no memory for its
//! context waits for others to end. How long an answer becomes is known when it ends, lengths have a
//! heavy tail, and a gate is told an estimate of them that is wrong by a factor. Clients leave when
//! the first token does not come, and some in the middle.
//!
//! A run is an hour of ordinary load in short: a while at 70 % of what the server can do, then
//! [`Row::load`] times it, which is what counts.
//!
//! - **It promises** that a run is a pure function of row, gate and seed, and that every gate meets
//!   the same requests.
//! - **It does not know** memory by blocks, prefixes that are shared, or more than one server.

mod batch;
mod clients;
mod gates;
mod guarded;
mod tally;
mod world;

pub use batch::Model;
pub use clients::Row;
pub use gates::{Cap, Gate, Holdback, Load, Verdicts};
pub use guarded::{Guarded, Judged};
pub use tally::Outcome;

use atrion_engine::ConfigError;

use crate::parallel::{self, Progress};

/// A gate by name.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Peer {
    /// Everything passes.
    None,
    /// So many requests at once.
    Requests(u32),
    /// So many estimated tokens at once.
    Tokens(u32),
    /// The same, and a long request passes where a short one would.
    Level(u32),
    /// A cap of tokens, of which lower classes may have a part, and a short queue by class before it.
    Reserved(u32),
    /// Classes are refused from ceilings of the server's memory and queue on.
    Holdback,
    /// Atrion, with what it judges a request by.
    Atrion(Judged),
}

impl Peer {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Requests(most) => format!("requests-{most}"),
            Self::Tokens(most) => format!("tokens-{most}"),
            Self::Level(most) => format!("level-{most}"),
            Self::Reserved(most) => format!("reserved-{most}"),
            Self::Holdback => "holdback".to_owned(),
            Self::Atrion(judged) => judged.name().to_owned(),
        }
    }

    fn gate(self) -> Result<Box<dyn Gate>, ConfigError> {
        Ok(match self {
            Self::None => Box::new(Cap::requests(u32::MAX)),
            Self::Requests(most) => Box::new(Cap::requests(most)),
            Self::Tokens(most) => Box::new(Cap::tokens(most)),
            Self::Level(most) => Box::new(Cap::level(most)),
            Self::Reserved(most) => Box::new(Cap::reserved(most)),
            Self::Holdback => Box::new(Holdback::default()),
            Self::Atrion(judged) => Box::new(Guarded::new(judged)?),
        })
    }
}

/// Static request caps of which the best is chosen after the fact.
pub const REQUEST_CAPS: [u32; 8] = [16, 32, 64, 96, 128, 192, 320, 640];
/// Static token caps of which the best is chosen after the fact, as parts of the server's memory.
pub const TOKEN_CAPS: [f64; 8] = [0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0];

/// One gate on one row.
///
/// # Errors
/// [`ConfigError`] of a gate that cannot be made.
pub fn run(row: &Row, peer: Peer, seed: u64) -> Result<Outcome, ConfigError> {
    let mut gate = peer.gate()?;
    Ok(world::run(row, seed, gate.as_mut()))
}

/// Every row with every gate, each the mean over the seeds; in the order of rows, then of gates.
///
/// # Errors
/// [`ConfigError`] of a gate that cannot be made.
pub fn live(
    rows: &[Row],
    peers: &[Peer],
    seeds: &[u64],
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Vec<Vec<Outcome>>, ConfigError> {
    let mut jobs = Vec::new();
    for row in rows {
        for peer in peers {
            jobs.extend(seeds.iter().map(|seed| (row, *peer, *seed)));
        }
    }
    let done = parallel::map(&jobs, threads, progress, |(row, peer, seed)| run(row, *peer, *seed));
    let outcomes = done.into_iter().collect::<Result<Vec<_>, _>>()?;
    let means: Vec<_> = outcomes.chunks(seeds.len().max(1)).map(Outcome::mean).collect();
    Ok(means.chunks(peers.len().max(1)).map(<[Outcome]>::to_vec).collect())
}
