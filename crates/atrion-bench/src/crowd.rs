// SPDX-License-Identifier: Apache-2.0
//! Many threads at one route, also more than there are cores: what an operation costs in processor
//! time, and how far the crowd rises above a cap while all of them decide at once.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Config, Engine, Route, RouteConfig};
use atrion_state::{Clock, FakeClock};

use crate::contender::Contender;

/// Numbers of threads from one to more than most machines have cores.
pub const CROWDS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Nanoseconds of processor time an operation, in the mean over threads that all work on the same
/// guard. Where there are more threads than cores they take turns, so the time of the wall says
/// nothing. `None` where the system does not tell what a thread has used (Linux does).
///
/// # Panics
///
/// If a guard refuses: a refusal is a shorter path, and its time would flatter the guard.
pub fn processor_time(contender: &dyn Contender, threads: usize) -> Option<f64> {
    let begin = Barrier::new(threads);
    let lap = || {
        let mut session = contender.session();
        session(OPERATIONS / 10);
        begin.wait();
        let before = used()?;
        let admitted = session(OPERATIONS);
        assert_eq!(admitted, OPERATIONS, "{} refused an operation", contender.name());
        Some(used()? - before)
    };
    let times: Option<Vec<u64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(lap)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a session that does not panic")).collect()
    });
    let sum: u64 = times?.into_iter().sum();
    Some(sum as f64 / (threads as u64 * OPERATIONS) as f64)
}

/// Operations of each thread: several turns of a thread among many.
const OPERATIONS: u64 = 1_000_000;

/// Nanoseconds that the calling thread has been on a processor.
fn used() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// How high a crowd rose that pushed against a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Requests in flight at the worst moment.
    pub most: u64,
    /// The cap.
    pub cap: u64,
    /// By how much the documentation lets it be passed.
    pub allowed: u64,
}

impl Pushed {
    /// Requests above the cap.
    pub fn above(self) -> u64 {
        self.most.saturating_sub(self.cap)
    }
}

/// Threads that all push against one cap, with pulses beside them.
pub fn pushed(threads: usize) -> Pushed {
    let clock = FakeClock::new();
    let config = Config { default: RouteConfig::default().cap(CAP as u32), ..Config::default() };
    let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK).expect("a cap is valid");
    let route = engine.route("api/checkout");
    for _ in 0..20 {
        // Busy enough for a stripe each, and so many at once that N* is far from small.
        let permits: Vec<_> =
            std::iter::from_fn(|| route.admit_owned(Tier::Critical).ok()).take(CAP as usize).collect();
        clock.advance(TICK / 2);
        permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        clock.advance(TICK / 2);
        engine.pulse(clock.now());
    }
    let (held, most) = (AtomicI64::new(0), AtomicI64::new(0));
    let (begin, over) = (Barrier::new(threads), AtomicBool::new(false));
    thread::scope(|scope| {
        let pushing: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| push(&route, threads, &begin, &held, &most))).collect();
        scope.spawn(|| {
            while !over.load(SeqCst) {
                engine.pulse(clock.now());
                thread::yield_now();
            }
        });
        pushing.into_iter().for_each(|thread| thread.join().expect("a thread that only counts"));
        over.store(true, SeqCst);
    });
    let batch = 1 + (route.snapshot().target / (8 * threads) as f64).min(63.0) as u64;
    let most = u64::try_from(most.into_inner()).unwrap_or(0);
    Pushed { most, cap: CAP as u64, allowed: threads as u64 * (1 + 2 * batch) }
}

const CAP: i64 = 400;
const TICK: Duration = Duration::from_millis(100);

/// Holds as many permits as it gets, up to twice its part of the cap, and gives one back now and
/// then.
fn push(route: &Route, threads: usize, begin: &Barrier, held: &AtomicI64, most: &AtomicI64) {
    let part = 2 * CAP as usize / threads + 2;
    let mut own = Vec::new();
    begin.wait();
    for turn in 0..40_000_usize {
        if let Ok(permit) = route.admit(Tier::Critical) {
            most.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
            own.push(permit);
        }
        if (own.len() > part || turn.is_multiple_of(3))
            && let Some(permit) = own.pop()
        {
            held.fetch_sub(1, SeqCst);
            permit.finish(Outcome::Success);
        }
    }
    held.fetch_sub(own.len() as i64, SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_that_pushes_reaches_the_cap_and_stays_within_what_is_allowed() {
        for threads in [1, 8] {
            let pushed = pushed(threads);
            assert!(pushed.most >= pushed.cap, "{threads} threads: {pushed:?}");
            assert!(pushed.above() <= pushed.allowed, "{threads} threads: {pushed:?}");
        }
    }
}
