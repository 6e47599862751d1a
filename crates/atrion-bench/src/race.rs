// SPDX-License-Identifier: Apache-2.0
//! Runs one guard on several threads at once and says what an operation costs each of them.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Contender;

/// The mean time that `operations` operations took a thread, while `threads` of them worked on the
/// same guard.
///
/// A thread that is through early keeps the guard busy until the last one is through, so that
/// nobody is measured while alone. Threads start at a barrier, after a few unmeasured operations
/// that touch thread-locals and caches.
///
/// # Panics
///
/// If a guard refuses: a refusal is a shorter path, and its time would flatter the guard.
pub fn race(contender: &dyn Contender, threads: usize, operations: u64) -> Duration {
    let start = Barrier::new(threads);
    let through = AtomicUsize::new(0);
    let lap = || {
        let mut session = contender.session();
        session(WARM_UP);
        start.wait();

        let begin = Instant::now();
        let admitted = session(operations);
        let took = begin.elapsed();

        // Relaxed: the counter only says when to stop, it guards no data.
        through.fetch_add(1, Ordering::Relaxed);
        while through.load(Ordering::Relaxed) < threads {
            session(KEEP_BUSY);
        }
        assert_eq!(admitted, operations, "{} refused an operation", contender.name());
        took
    };

    let total: Duration = thread::scope(|scope| {
        let laps: Vec<_> = (0..threads).map(|_| scope.spawn(lap)).collect();
        laps.into_iter().map(|lap| lap.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).sum()
    });
    total / u32::try_from(threads).unwrap_or(u32::MAX)
}

const WARM_UP: u64 = 256;

/// Long enough that looking at the counter between two chunks costs nothing.
const KEEP_BUSY: u64 = 64;

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
    fn every_thread_does_its_warm_up_and_its_share() {
        let guard = Counting { seen: AtomicU64::new(0), refuse: false };
        race(&guard, 2, 1_000);
        let seen = guard.seen.load(Ordering::Relaxed);
        assert!(seen >= 2 * (1_000 + WARM_UP), "only {seen} operations were done");
    }

    #[test]
    #[should_panic(expected = "counting refused an operation")]
    fn a_refusal_is_no_measurement() {
        race(&Counting { seen: AtomicU64::new(0), refuse: true }, 1, 10);
    }
}
