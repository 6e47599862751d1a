// SPDX-License-Identifier: Apache-2.0
//! COMPUTE: one step of the physics for one route, and the gate it compiles to.
//!
//! The states of 1,000 routes are stepped in turn, so they come from the cache as in a pulse, and
//! not from registers.

use std::hint::black_box;
use std::time::Duration;

use atrion_bench::steadily;
use atrion_core::{AdaptiveConfig, AdaptiveState, Tick, Window};
use criterion::{Criterion, criterion_group, criterion_main};

const ROUTES: usize = 1_000;

fn compute(criterion: &mut Criterion) {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(200)), ..Default::default() };
    let tick = Tick::new(Duration::from_millis(100), &config);
    let mut group = criterion.benchmark_group("compute");
    for (name, windows) in [("one busy route", busy()), ("one idle route", idle())] {
        let mut states = vec![AdaptiveState::default(); ROUTES];
        let mut next = 0;
        group.bench_function(name, |bencher| {
            let mut step = || {
                next = (next + 1) % ROUTES;
                let state = states[next].step(&tick, black_box(&windows[next]), &config);
                states[next] = state;
                black_box(state.law(None, &config).compile());
            };
            bencher.iter_custom(|steps| steadily(steps, |n| (0..n).for_each(|_| step())));
        });
    }
    group.finish();
}

/// 100 requests in a tick, some of them failed or late, slightly different on each route.
fn busy() -> Vec<Window> {
    let window = |route: usize| {
        let more = (route % 7) as f64;
        let mut window = Window {
            admitted: 100,
            succeeded: 90,
            failed: 4,
            late: 6,
            latency_sum: 96.0 * (0.05 + 0.002 * more),
            mean_in_flight: 50.0 + more,
            in_flight: 50,
            debt: 0.5,
            since_completion: 0.001,
            mean_age: 0.03,
            ..Window::default()
        };
        for pair in 0..12 {
            let in_flight = 45.0 + f64::from(pair);
            window.pairs = window.pairs.with(in_flight, 0.05 + 0.0005 * in_flight);
        }
        window
    };
    (0..ROUTES).map(window).collect()
}

fn idle() -> Vec<Window> {
    vec![Window { since_completion: 5.0, ..Window::default() }; ROUTES]
}

criterion_group!(benches, compute);
criterion_main!(benches);
