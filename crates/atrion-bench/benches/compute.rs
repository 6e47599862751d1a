// SPDX-License-Identifier: Apache-2.0
//! COMPUTE: one step of the physics for one route, and the gate it compiles to.

use atrion_bench::{Computing, steadily};
use criterion::{Criterion, criterion_group, criterion_main};

fn compute(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compute");
    for (name, mut routes) in [("one busy route", Computing::busy()), ("one idle route", Computing::idle())] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|steps| steadily(steps, |n| routes.step(n)));
        });
    }
    group.finish();
}

criterion_group!(benches, compute);
criterion_main!(benches);
