// SPDX-License-Identifier: Apache-2.0
//! One operation many times, for callgrind, which counts what happens inside of [`counted`]:
//! `cargo xtask bench` starts it. Without arguments it lists what it can do.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure, and says so at once"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use atrion_bench::{CallersClock, Computing, Contender, ManyRoutes, Session, contenders, layers};

const OPERATIONS: u64 = 2_000;
const CROWDS: [usize; 3] = [4, 16, 64];
const ROUTES: usize = 2_000;

fn main() {
    match std::env::args().skip(1).find(|arg| !arg.starts_with("--")) {
        Some(work) => println!("{}", run(&work).expect("one of the works that this lists")),
        None => list(),
    }
}

fn list() {
    let guards = contenders().into_iter().map(|guard| format!("admit/{}", guard.name()));
    let crowds = CROWDS.map(|threads| format!("crowd/{threads}"));
    // What goes through the system's sockets is mostly the system's.
    let layers = layers::all().into_iter().map(|layer| layer.name()).filter(|name| !name.contains("socket"));
    let layers = layers.map(|name| format!("layers/{name}"));
    let slow = ["compute/one busy route", "compute/one idle route", "pulse/one busy route"];
    for work in guards.chain(crowds).chain(layers).chain(slow.map(str::to_owned)) {
        println!("{work}");
    }
}

/// Does the work, and gives the number of operations that were counted.
fn run(work: &str) -> Option<u64> {
    let (group, name) = work.split_once('/')?;
    match group {
        "admit" => contender(contenders(), name),
        "layers" => contender(layers::all(), name),
        "crowd" => crowd(name.parse().ok()?),
        "compute" => {
            let mut routes = if name == "one busy route" { Computing::busy() } else { Computing::idle() };
            routes.step(OPERATIONS);
            counted(|| routes.step(OPERATIONS));
            Some(OPERATIONS)
        }
        "pulse" => {
            let bed = ManyRoutes::new(ROUTES);
            bed.warm_up();
            bed.traffic(1);
            counted(|| bed.pulse());
            Some(ROUTES as u64)
        }
        _ => None,
    }
}

fn contender(all: Vec<Box<dyn Contender>>, name: &str) -> Option<u64> {
    let guard = all.into_iter().find(|guard| guard.name() == name)?;
    let mut session = guard.session();
    warm(&mut session);
    counted(|| session(OPERATIONS));
    Some(OPERATIONS)
}

/// Until the guard has learned what it learns, as a busy one has.
fn warm(session: &mut Session<'_>) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(2) {
        session(OPERATIONS);
    }
}

/// As many threads on one guard, which take turns where there are more of them than cores.
fn crowd(threads: usize) -> Option<u64> {
    let guard = CallersClock::new();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut session = guard.session();
                warm(&mut session);
                counted(|| session(OPERATIONS));
            });
        }
    });
    Some(OPERATIONS * threads as u64)
}

/// callgrind knows it by its name.
#[inline(never)]
fn counted<T>(mut work: impl FnMut() -> T) {
    black_box(work());
}
