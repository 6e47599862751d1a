// SPDX-License-Identifier: Apache-2.0
//! Runs one guard on several threads at once and measures the cost of an operation on each of them.
//!
//! The work is cut into short rounds. All threads start a round together and it ends with the last
//! of them, so no thread is measured while alone, and a lock that lets one thread pass again and
//! again while the other waits shows its cost for both. [`slices`](crate::slices) explains how
//! rounds become a number, and how the work of other processes is left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::slices::{Slices, per_slice, scale};

/// The time of `operations` on each of `threads` that work on the same guard.
///
/// Each thread stays on a core of its own, as far as there are enough.
///
/// # Panics
///
/// If a guard refuses: a refusal is a shorter path, and its time would flatter the guard.
pub fn race(contender: &dyn Contender, threads: usize, operations: u64) -> Duration {
    // On a thread of its own, which ends before the race: a guard that counts threads must not
    // count the one that only measured.
    let find_slice = || {
        let mut session = contender.session();
        per_slice(|operations| {
            session(operations);
        })
    };
    let slice = thread::scope(|scope| joined(scope.spawn(find_slice)));
    let slice = slice.min(operations).max(1);
    let rounds = operations.div_ceil(slice);

    let gate = Gate { threads: threads as u64, arrived: AtomicU64::new(0) };
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let lap = |own: usize| {
        // On a busy machine the system may put all threads on one core, where they take turns.
        if let Some(core) = cores.get(own) {
            core_affinity::set_for_current(*core);
        }
        let mut session = contender.session();
        session(slice);
        let mut spans = Vec::with_capacity(rounds as usize);
        let mut refused = 0;
        for round in 1..=rounds {
            gate.meet(round);
            let begin = Instant::now();
            refused += slice - session(slice);
            spans.push((begin, Instant::now()));
        }
        // After the rounds: a thread that panics earlier would leave the others waiting for it.
        assert_eq!(refused, 0, "{} refused an operation", contender.name());
        spans
    };
    let laps: Vec<Vec<(Instant, Instant)>> = thread::scope(|scope| {
        let lap = &lap;
        let laps: Vec<_> = (0..threads).map(|own| scope.spawn(move || lap(own))).collect();
        laps.into_iter().map(joined).collect()
    });

    let (mut together, mut apart) = (Slices::default(), Slices::default());
    for round in 0..rounds as usize {
        let spans = laps.iter().filter_map(|lap| lap.get(round));
        let begins = spans.clone().map(|(begin, _)| *begin);
        let end = spans.map(|(_, end)| *end).max();
        if let (Some(first), Some(last), Some(end)) = (begins.clone().min(), begins.max(), end) {
            let slices = if last - first <= SKEW { &mut together } else { &mut apart };
            slices.push(end - first);
        }
    }
    scale(together.typical().or(apart.typical()), operations, slice)
}

/// Threads that start farther apart than this were not all running when the gate opened. Such
/// rounds count only if there are no others.
const SKEW: Duration = Duration::from_micros(1);

/// The result of a thread. Its panic goes on.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The place where threads meet before each round.
struct Gate {
    threads: u64,
    arrived: AtomicU64,
}

impl Gate {
    /// Spins, because a sleeping thread wakes up late. Yields its core now and then, in case the
    /// other thread needs it.
    fn meet(&self, round: u64) {
        // Relaxed: the number guards no data, and the guard under test does its own ordering.
        self.arrived.fetch_add(1, Ordering::Relaxed);
        let mut spins = 0_u32;
        while self.arrived.load(Ordering::Relaxed) < self.threads * round {
            spins += 1;
            if spins.is_multiple_of(4_096) {
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Session;
    use std::sync::atomic::AtomicU64;

    struct Counting {
        seen: AtomicU64,
        refuse: bool,
    }

    impl Contender for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }
        fn operation(&self) -> &'static str {
            "one increment"
        }
        fn clock_reads(&self) -> &'static str {
            "none"
        }
        fn session(&self) -> Session<'_> {
            Box::new(|operations| {
                self.seen.fetch_add(operations, Ordering::Relaxed);
                if self.refuse { 0 } else { operations }
            })
        }
    }

    #[test]
    fn every_thread_does_its_share() {
        let guard = Counting { seen: AtomicU64::new(0), refuse: false };
        race(&guard, 2, 100_000);
        let seen = guard.seen.load(Ordering::Relaxed);
        assert!(seen >= 2 * 100_000, "only {seen} operations were done");
    }

    #[test]
    #[should_panic(expected = "counting refused an operation")]
    fn a_refusal_is_no_measurement() {
        race(&Counting { seen: AtomicU64::new(0), refuse: true }, 1, 10);
    }
}
