// SPDX-License-Identifier: Apache-2.0
//! The benchmarks of Atrion beside its peers.
//!
//! [`Contender`] is one guard under test, [`race`] runs it on one or more threads at once, and
//! [`peers`] holds the guards of other crates, each used as its own documentation shows. Criterion
//! summarizes the figures, and `cargo xtask bench` writes `docs/benchmarks.md` from its results.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench that cannot be set up has nothing to measure")]

use std::time::Duration;

mod contender;
pub use contender::{Contender, Session};

mod slices;
pub use slices::{Slices, steadily};

mod race;
pub use race::race;

mod crowd;
pub use crowd::{CROWDS, Pushed, processor_time, pushed};

mod atrion;
pub use atrion::{Acquiring, CallersClock, ClockAlone, CounterAlone, Grouped, OwnClock};

mod many_routes;
pub use many_routes::ManyRoutes;

mod computed;
pub use computed::Computing;

mod observed;
pub use observed::Observed;

pub mod peers;

pub mod layers;

/// How long `SystemClock` takes to learn the pace of the processor's counter, and more.
const LEARNING: Duration = Duration::from_millis(500);

/// Every guard, in the order of the tables.
pub fn contenders() -> Vec<Box<dyn Contender>> {
    let mut all: Vec<Box<dyn Contender>> = vec![
        Box::new(CallersClock::new()),
        Box::new(Grouped::new()),
        Box::new(Observed::new()),
        Box::new(OwnClock::new()),
        Box::new(Acquiring::new()),
        Box::new(ClockAlone),
        Box::new(CounterAlone::default()),
    ];
    all.extend(peers::all());
    std::thread::sleep(LEARNING);
    all
}
