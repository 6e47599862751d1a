// SPDX-License-Identifier: Apache-2.0
//! The costs that grow with the number of routes: the lookup by name, and the pulse.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion_bench::steadily;
use atrion_core::{Outcome, Tier};
use atrion_engine::{Config, Engine, Route};
use atrion_state::{Clock, FakeClock};
use criterion::{Criterion, criterion_group, criterion_main};

const TICK: Duration = Duration::from_millis(100);
const FEW: usize = 10_000;
const MANY: usize = 100_000;

/// An engine with routes, driven by hand.
struct Bed {
    engine: Engine,
    clock: FakeClock,
    routes: Vec<Route>,
}

impl Bed {
    fn new(routes: usize) -> Self {
        let clock = FakeClock::new();
        let config = Config::default().max_routes(routes);
        let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK)
            .expect("the default configuration with more routes");
        let routes = (0..routes).map(|n| engine.route(&name(n))).collect();
        Self { engine, clock, routes }
    }

    /// A few requests on every `every`th route, and one tick of time.
    fn traffic(&self, every: usize) {
        for route in self.routes.iter().step_by(every) {
            let start = self.clock.now();
            for _ in 0..3 {
                let permit = route.admit_at(Tier::Normal, start).expect("a healthy route");
                permit.finish_at(Outcome::Success, start.after(Duration::from_millis(5)));
            }
        }
        self.clock.advance(TICK);
    }
}

/// A typical route name.
fn name(n: usize) -> String {
    format!("GET /api/v1/shops/{n}/checkout")
}

fn lookup(criterion: &mut Criterion) {
    let bed = Bed::new(FEW);
    let mut group = criterion.benchmark_group("routes");
    // A service asks for a few names all the time. All names in turn come from a farther cache, or
    // from memory.
    for (which, count) in [("hot among", 100), ("in turn of", FEW)] {
        // In an order that is neither that of the hash nor that of the allocator: 7919 is prime.
        let names: Vec<String> = (0..count).map(|n| name(n * 7919 % FEW)).collect();
        let mut next = 0;
        let mut find = || {
            next = (next + 1) % count;
            black_box(bed.engine.route(black_box(&names[next])));
        };
        group.bench_function(format!("lookup, {which} {FEW}"), |bencher| {
            bencher.iter_custom(|lookups| steadily(lookups, |n| (0..n).for_each(|_| find())));
        });
    }
    group.finish();
}

fn pulse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routes");
    group.sample_size(20);
    for (busy, every) in [("none busy", usize::MAX), ("1 % busy", 100), ("all busy", 1)] {
        let bed = Bed::new(MANY);
        // Measure routes after their start-up.
        for _ in 0..15 {
            bed.traffic(1);
            bed.engine.pulse(bed.clock.now());
        }
        if every > 1 {
            settle(&bed);
        }
        group.bench_function(format!("pulse over {MANY}, {busy}"), |bencher| {
            bencher.iter_custom(|pulses| {
                let mut took = Duration::ZERO;
                for _ in 0..pulses {
                    if every < usize::MAX {
                        bed.traffic(every);
                    } else {
                        bed.clock.advance(TICK);
                    }
                    let begin = Instant::now();
                    black_box(bed.engine.pulse(bed.clock.now()));
                    took += begin.elapsed();
                }
                took
            });
        });
    }
    group.finish();
}

/// Lets the routes become quiet, so that the pulse has nothing to compute. Ten minutes are enough
/// for every law to decay.
fn settle(bed: &Bed) {
    for _ in 0..6_000 {
        bed.clock.advance(TICK);
        if bed.engine.pulse(bed.clock.now()).computed == 0 {
            break;
        }
    }
}

criterion_group!(benches, lookup, pulse);
criterion_main!(benches);
