// SPDX-License-Identifier: Apache-2.0
//! The costs that grow with the number of routes: the lookup by name, and the pulse.

use std::hint::black_box;
use std::time::{Duration, Instant};

use atrion_bench::{ManyRoutes, steadily};
use criterion::{Criterion, criterion_group, criterion_main};

const FEW: usize = 10_000;
const MANY: usize = 100_000;

fn lookup(criterion: &mut Criterion) {
    let bed = ManyRoutes::new(FEW);
    let mut group = criterion.benchmark_group("routes");
    // A service asks for a few names all the time. All names in turn come from a farther cache, or
    // from memory.
    for (which, count) in [("hot among", 100), ("in turn of", FEW)] {
        // In an order that is neither that of the hash nor that of the allocator: 7919 is prime.
        let names: Vec<String> = (0..count).map(|n| ManyRoutes::name(n * 7919 % FEW)).collect();
        let mut next = 0;
        let mut find = || {
            next = (next + 1) % count;
            black_box(bed.engine().route(black_box(&names[next])));
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
    for (busy, every) in [("none busy", None), ("1 % busy", Some(100)), ("all busy", Some(1))] {
        let bed = ManyRoutes::new(MANY);
        bed.warm_up();
        if every != Some(1) {
            bed.settle();
        }
        group.bench_function(format!("pulse over {MANY}, {busy}"), |bencher| {
            bencher.iter_custom(|pulses| {
                let mut took = Duration::ZERO;
                for _ in 0..pulses {
                    match every {
                        Some(every) => bed.traffic(every),
                        None => bed.wait(),
                    }
                    let begin = Instant::now();
                    black_box(bed.pulse());
                    took += begin.elapsed();
                }
                took
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lookup, pulse);
criterion_main!(benches);
