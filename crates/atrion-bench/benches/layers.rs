// SPDX-License-Identifier: Apache-2.0
//! One request through whole middleware on one thread, Atrion's beside that of other crates.

use std::time::Duration;

use atrion_bench::{layers, race};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layers");
    for layer in layers::all() {
        group.bench_with_input(BenchmarkId::from_parameter(layer.name()), &(), |bencher, ()| {
            bencher.iter_custom(|requests| race(layer.as_ref(), 1, requests));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(40);
    targets = request
}
criterion_main!(benches);
