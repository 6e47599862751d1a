// SPDX-License-Identifier: Apache-2.0
//! Many runs on a few threads. Results come in the order of the jobs, so nothing depends on which
//! thread was quicker.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use atrion_state::lock;

/// Called after every run with how many are done, from any thread.
pub type Progress<'a> = dyn Fn(usize) + Sync + 'a;

/// What `run` makes of every job.
pub(crate) fn map<J: Sync, R: Send>(
    jobs: &[J],
    threads: usize,
    progress: &Progress<'_>,
    run: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
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
                    let result = run(job);
                    lock(&done).push((nth, result));
                    progress(finished.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(nth, _)| *nth);
    done.into_iter().map(|(_, result)| result).collect()
}
