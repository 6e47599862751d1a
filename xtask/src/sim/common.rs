// SPDX-License-Identifier: Apache-2.0
//! The parts that the subcommands share: sets, seeds, threads, progress.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use atrion_sim::policy::{self, Entry};
use atrion_sim::{Scenario, Set};

/// The scenario of that name in the sets of the repository, a random one (`random-SEED-NTH`), or a
/// TOML file.
pub(crate) fn scenario(name: &str) -> anyhow::Result<Scenario> {
    if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
        let text = std::fs::read_to_string(name).with_context(|| name.to_owned())?;
        return Ok(Scenario::parse(&text)?);
    }
    if let ["random", seed, nth] = name.split('-').collect::<Vec<_>>()[..] {
        return Ok(atrion_sim::scenario::random::plant(seed.parse()?, nth.parse()?));
    }
    for set in [Set::Callers, Set::Heldout, Set::Routes] {
        if let Some(found) = set.scenarios()?.into_iter().find(|scenario| scenario.name == name) {
            return Ok(found);
        }
    }
    anyhow::bail!(
        "no scenario {name:?}: `cargo xtask sim list` names them; random-SEED-NTH and FILE.toml also do"
    )
}

/// Policies by name; all of them if none is named.
pub(crate) fn entries(names: &[String]) -> anyhow::Result<Vec<Entry>> {
    let beside = [
        policy::patient(),
        policy::of_health(),
        policy::of_callers(),
        policy::of_deadlines(),
        policy::of_routes(),
        policy::ablations(),
    ];
    let all = || policy::all().into_iter().chain(beside.iter().flatten().cloned());
    if names.is_empty() {
        return Ok(policy::all());
    }
    names
        .iter()
        .map(|name| {
            all()
                .find(|entry| entry.name == *name)
                .with_context(|| format!("no policy {name:?}: `cargo xtask sim list` names them"))
        })
        .collect()
}

/// The rows of a grid whose name contains `part`; all of them without one.
pub(crate) fn rows<R>(all: Vec<R>, name: fn(&R) -> String, part: Option<&str>) -> anyhow::Result<Vec<R>> {
    let part = part.unwrap_or_default();
    let rows: Vec<R> = all.into_iter().filter(|row| name(row).contains(part)).collect();
    anyhow::ensure!(!rows.is_empty(), "no row's name contains {part:?}");
    Ok(rows)
}

/// `count` seeds from the first on.
pub(crate) fn seeds(first: u64, count: u64) -> Vec<u64> {
    (0..count.max(1)).map(|nth| first.wrapping_add(nth)).collect()
}

pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 16)
}

/// A progress line on standard error, on terminals only. Standard output stays clean for pipes.
pub(crate) struct Counter {
    total: usize,
    shown: AtomicUsize,
    is_shown: bool,
}

impl Counter {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, shown: AtomicUsize::new(0), is_shown: std::io::stderr().is_terminal() }
    }

    pub(crate) fn at(&self, done: usize) {
        let percent = done * 100 / self.total.max(1);
        if self.is_shown && self.shown.fetch_max(percent + 1, Ordering::Relaxed) <= percent {
            let mut err = std::io::stderr();
            let _ = write!(err, "\r{done} of {} runs, {percent} %", self.total);
            if done == self.total {
                let _ = write!(err, "\r{:40}\r", "");
            }
            let _ = err.flush();
        }
    }
}

pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
