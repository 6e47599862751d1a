// SPDX-License-Identifier: Apache-2.0
//! One run, and all of them.

use atrion_engine::ConfigError;

use crate::parallel::{self, Progress};
use crate::plant;
use crate::policy::Entry;
use crate::scenario::Scenario;
use crate::score::Components;

/// One run.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Job<'a> {
    /// Where.
    pub scenario: &'a Scenario,
    /// The policy.
    pub entry: &'a Entry,
    /// With which luck.
    pub seed: u64,
}

/// Runs every job and gives the components back in the order of the jobs, with the number of
/// simulated events.
///
/// # Errors
/// [`ConfigError`] of a policy that cannot be made.
pub fn run_all(
    jobs: &[Job<'_>],
    threads: usize,
    progress: &Progress<'_>,
) -> Result<(Vec<Components>, u64), ConfigError> {
    let done = parallel::map(jobs, threads, progress, Job::run);
    let (mut all, mut events) = (Vec::with_capacity(done.len()), 0);
    for result in done {
        let (components, counted) = result?;
        all.push(components);
        events += counted;
    }
    Ok((all, events))
}

impl Job<'_> {
    fn run(&self) -> Result<(Components, u64), ConfigError> {
        let mut policy = self.entry.make(self.scenario)?;
        let record = plant::run(self.scenario, self.seed, policy.as_mut());
        Ok((Components::of(&record), record.events))
    }
}
