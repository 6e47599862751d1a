// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What sharing costs: the codec, the merge, the Redis, the delay, and a request beside a sick
//! store. Prints one JSON object a line, for `cargo xtask bench`.
#![allow(missing_docs)] // nothing else calls it
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot be set up has nothing to measure, and says so at once"
)]

mod codec;
mod delay;
mod loads;
mod merge;
mod naive;
mod store;
mod stores;

use std::time::{Duration, Instant};

use atrion_cluster::redis::RedisClusterProvider;
use atrion_core::{Mode, Ohms};
use atrion_license::{Tier, development};
use atrion_state::{DecayRate, PhysicsVector, RouteId, Weight};

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    codec::measure(quick);
    merge::measure(quick);
    loads::sums(quick);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        store::measure(quick).await;
        loads::measure(quick).await;
        delay::measure(quick).await;
        stores::measure(quick).await;
    });
}

pub(crate) fn figure(name: &str, value: f64) {
    println!(r#"{{"figure":{name:?},"value":{value:?}}}"#);
}

/// Nanoseconds of one call: the median of many short rounds, so that other processes stay out of
/// it.
pub(crate) fn nanos<T>(quick: bool, mut work: impl FnMut() -> T) -> f64 {
    let begin = Instant::now();
    let mut calls = 0_u32;
    while begin.elapsed() < Duration::from_millis(20) {
        std::hint::black_box(work());
        calls += 1;
    }
    let each = (calls / 10).max(1);
    let mut rounds: Vec<f64> = (0..if quick { 15 } else { 101 })
        .map(|_| {
            let begin = Instant::now();
            (0..each).for_each(|_| drop(std::hint::black_box(work())));
            begin.elapsed().as_secs_f64() * 1e9 / f64::from(each)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

pub(crate) fn route(number: usize) -> RouteId {
    RouteId::new(&format!("svc-{:03}/api/v1/route-{number:05}", number % 200)).expect("a name")
}

pub(crate) fn vector(scar: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0 + scar), Ohms::saturating(scar))
        .with_weight(Weight::from_255ths(200))
        .with_decay_rate(DecayRate::saturating(0.1))
}

pub(crate) fn provider(node: &str, url: &str) -> RedisClusterProvider {
    let key = development::key(Tier::Enterprise).expect("a development key");
    let builder = RedisClusterProvider::builder().url(url).node(node).license(key);
    builder.longest_wait(Duration::from_secs(1)).build().expect("a provider")
}
