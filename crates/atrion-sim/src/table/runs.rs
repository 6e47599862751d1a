// SPDX-License-Identifier: Apache-2.0
//! Many runs on a few threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use atrion_engine::ConfigError;

use crate::plant;
use crate::policy::Entry;
use crate::scenario::Scenario;
use crate::score::Components;

/// One run.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)]
pub struct Job<'a> {
    /// Where.
    pub scenario: &'a Scenario,
    /// Who.
    pub entry: &'a Entry,
    /// With which luck.
    pub seed: u64,
}

/// Called after every run with how many are done, from any thread.
pub type Progress<'a> = dyn Fn(usize) + Sync + 'a;

/// Runs every job and gives the components back in the order of the jobs, with the number of simulated events.
///
/// # Errors
/// [`ConfigError`] of a policy that cannot be made.
pub fn run_all(
    jobs: &[Job<'_>],
    threads: usize,
    progress: &Progress<'_>,
) -> Result<(Vec<Components>, u64), ConfigError> {
    let next = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    // Relaxed: a number to be taken once; results are handed over through the lock.
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(nth) else { break };
                    let result = job.run();
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((nth, result));
                    progress(finished.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(nth, _)| *nth);
    let (mut all, mut events) = (Vec::with_capacity(done.len()), 0);
    for (_, result) in done {
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
