// SPDX-License-Identifier: Apache-2.0
//! The wake-ups under every interleaving: each waiter that could pass is called up, once.
#![allow(clippy::unwrap_used)] // helpers of tests speak as tests do

use std::sync::Arc;

use atrion_core::{Mono, Volts};
use loom::sync::atomic::{AtomicI64, AtomicUsize, Ordering::AcqRel, Ordering::Relaxed};
use loom::thread;

use super::{Answer, Queue, Waiter};

/// A gate of one place, as a route counts that is not busy.
struct Gate {
    in_flight: AtomicI64,
    queue: Queue<usize>,
    called: [AtomicUsize; 2],
}

impl Gate {
    fn occupied() -> Arc<Self> {
        let called = [AtomicUsize::new(0), AtomicUsize::new(0)];
        Arc::new(Self { in_flight: AtomicI64::new(1), queue: Queue::new(), called })
    }

    fn serve(&self) {
        let ask = |_: &Waiter<usize>| {
            let passes = self.in_flight.compare_exchange(0, 1, AcqRel, Relaxed).is_ok();
            if passes { Answer::Passes(()) } else { Answer::Blocked }
        };
        self.queue.serve(
            Mono::ZERO,
            || ask,
            |waiter, _| {
                self.called[waiter.who].fetch_add(1, Relaxed);
            },
        );
    }

    fn finish(&self) {
        self.in_flight.fetch_add(-1, AcqRel);
        if self.queue.len() != 0 {
            self.serve();
        }
    }

    fn join(&self, who: usize) -> super::Place {
        let (volts, end) = (Volts::saturating(50.0), Mono::from_nanos(1));
        let (place, _) = self.queue.with(|line| line.join(Waiter { volts, end, who }));
        // As `Live::settle_count`.
        self.in_flight.fetch_add(0, AcqRel);
        self.serve();
        place.unwrap()
    }

    fn called(&self) -> [usize; 2] {
        [0, 1].map(|who: usize| self.called[who].load(Relaxed))
    }
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn one_that_begins_to_wait_while_a_call_ends_is_called_up() {
    check(|| {
        let gate = Gate::occupied();
        let other = Arc::clone(&gate);
        let waiter = thread::spawn(move || other.join(0));
        gate.finish();
        waiter.join().unwrap();
        assert_eq!(gate.called(), [1, 0]);
        assert_eq!((gate.queue.len(), gate.in_flight.load(Relaxed)), (0, 1));
    });
}

#[test]
fn one_place_goes_to_one_of_two_and_the_next_to_the_other() {
    check(|| {
        let gate = Gate::occupied();
        let joins = [0, 1].map(|who| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.join(who))
        });
        gate.finish();
        for join in joins {
            join.join().unwrap();
        }
        assert_eq!(gate.called().iter().sum::<usize>(), 1);
        gate.finish();
        assert_eq!(gate.called(), [1, 1]);
    });
}

#[test]
fn one_that_leaves_while_a_call_ends_does_not_take_the_place_along() {
    check(|| {
        let gate = Gate::occupied();
        let (first, _) = (gate.join(0), gate.join(1));
        let other = Arc::clone(&gate);
        let leaver = thread::spawn(move || {
            let left = other.queue.with(|line| line.leave(first)).is_some();
            if !left {
                // It has been called up meanwhile, and gives back what it was given.
                other.finish();
            }
            other.serve();
        });
        gate.finish();
        leaver.join().unwrap();
        assert_eq!(gate.called()[1], 1, "the next has it");
    });
}
