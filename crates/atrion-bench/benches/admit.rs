// SPDX-License-Identifier: Apache-2.0
//! One admitted and finished request, on one and on two threads, Atrion beside its peers.

use std::time::Duration;

use atrion_bench::{contenders, race};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn admit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admit");
    for contender in contenders() {
        for threads in [1, 2] {
            let id = BenchmarkId::new(contender.name(), threads);
            group.bench_with_input(id, &threads, |bencher, &threads| {
                bencher.iter_custom(|operations| race(contender.as_ref(), threads, operations));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(40);
    targets = admit
}
criterion_main!(benches);
