// SPDX-License-Identifier: Apache-2.0
//! Figures that criterion does not measure: bytes, allocations, and the tail of single requests
//! while a store is sick. Prints one JSON object a line, for `cargo xtask bench`.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure, and says so at once"
)]

use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion_bench::peers::Governor;
use atrion_bench::{CROWDS, CallersClock, Contender, ManyRoutes, contenders, layers, processor_time, pushed};
use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, Config, Engine, Route};
use atrion_state::{Clock, FakeClock, InMemoryProvider};
use atrion_testkit::{Fault, FaultyProvider};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    for contender in contenders() {
        describe(contender.as_ref());
    }
    memory();
    allocations();
    allocations_of_layers();
    crowds();
    stores(if quick { 4 } else { 16 });
}

fn describe(contender: &dyn Contender) {
    println!(
        r#"{{"contender":{{"name":{:?},"operation":{:?},"clock_reads":{:?}}}}}"#,
        contender.name(),
        contender.operation(),
        contender.clock_reads()
    );
}

fn figure(name: &str, value: f64) {
    println!(r#"{{"figure":{name:?},"value":{value:?}}}"#);
}

const TICK: Duration = Duration::from_millis(100);
const SLO: Duration = Duration::from_millis(200);

/// The memory of the process per route: after a route was made, and after it was used and became
/// idle again.
fn memory() {
    const ROUTES: usize = 50_000;
    let clock = FakeClock::new();
    let config = Config::default().max_routes(ROUTES);
    let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK)
        .expect("the default configuration with more routes");

    let region = Region::new(ALLOCATOR);
    for n in 0..ROUTES {
        let _ = engine.route(&ManyRoutes::name(n));
    }
    figure("bytes per idle route", held(&region) / ROUTES as f64);

    for n in 0..ROUTES {
        let route = engine.route(&ManyRoutes::name(n));
        let permit = route.admit(Tier::Normal).expect("a new route");
        permit.finish(Outcome::Success);
    }
    for _ in 0..200 {
        clock.advance(TICK);
        engine.pulse(clock.now());
    }
    figure("bytes per route that was used once", held(&region) / ROUTES as f64);
}

/// The memory of a busy route, over that of an idle one, for each of its stripes.
fn memory_of_stripes() {
    const ROUTES: usize = 200;
    let clock = FakeClock::new();
    let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), TICK)
        .expect("the default configuration");
    let routes: Vec<_> = (0..ROUTES).map(|n| engine.route(&format!("api/{n}"))).collect();
    let region = Region::new(ALLOCATOR);
    for _ in 0..20 {
        for route in &routes {
            for _ in 0..200 {
                route.admit(Tier::Normal).expect("a healthy route").finish(Outcome::Success);
            }
        }
        clock.advance(TICK);
        engine.pulse(clock.now());
    }
    figure("bytes of the stripes of a busy route", held(&region) / ROUTES as f64);
}

/// More threads than two.
fn crowds() {
    memory_of_stripes();
    let (atrion, governor) = (CallersClock::new(), Governor::new());
    for threads in CROWDS {
        for (name, guard) in [("atrion", &atrion as &dyn Contender), ("governor", &governor)] {
            if let Some(nanos) = processor_time(guard, threads) {
                figure(&format!("{name} on {threads} threads"), nanos);
            }
        }
        let pushed = pushed(threads);
        figure(&format!("above the cap by {threads} threads"), pushed.above() as f64);
        figure(&format!("allowed above the cap by {threads} threads"), pushed.allowed as f64);
    }
}

fn held(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    change.bytes_allocated as f64 - change.bytes_deallocated as f64
}

/// Allocations of the whole process while one thread admits and finishes. No pulse runs.
fn allocations() {
    const REQUESTS: u64 = 1_000_000;
    let clock = FakeClock::new();
    let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), TICK)
        .expect("the default configuration");
    let route = engine.route("api/checkout");
    let run = |requests: u64| {
        for _ in 0..requests {
            let permit = route.admit(Tier::Normal).expect("a healthy route");
            permit.finish(Outcome::Success);
        }
    };
    // A route that becomes busy allocates its stripes once; later requests allocate nothing.
    for _ in 0..20 {
        run(10_000);
        clock.advance(TICK);
        engine.pulse(clock.now());
    }
    let region = Region::new(ALLOCATOR);
    run(REQUESTS);
    let change = region.change();
    let count = change.allocations + change.reallocations;
    figure("allocations per admit and finish", count as f64 / REQUESTS as f64);
}

/// What a request through each layer allocates, and which layers there are.
fn allocations_of_layers() {
    const REQUESTS: u64 = 1_000;
    for layer in layers::all() {
        let (name, operation, reads) = (layer.name(), layer.operation(), layer.clock_reads());
        println!(r#"{{"layer":{{"name":{name:?},"operation":{operation:?},"clock_reads":{reads:?}}}}}"#);
        let mut session = layer.session();
        session(REQUESTS);
        let region = Region::new(ALLOCATOR);
        session(REQUESTS);
        let change = region.change();
        let count = change.allocations + change.reallocations;
        // The pulse allocates beside the requests now and then: less than one for each.
        figure(&format!("allocations of {name}"), (count as f64 / REQUESTS as f64).round());
    }
}

/// Times single admissions while the pulse pushes to a healthy, a dead and a hanging store.
fn stores(rounds: usize) {
    let mut beds = [
        ("healthy", Bed::new(Fault::None)),
        ("dead", Bed::new(Fault::Fail)),
        ("hanging", Bed::new(Fault::Hang)),
    ];
    for _ in 0..rounds {
        for (_, bed) in &mut beds {
            bed.round();
        }
    }
    for (store, bed) in &mut beds {
        bed.times.sort_unstable();
        for (quantile, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let index = ((bed.times.len() - 1) as f64 * share) as usize;
            let name = format!("{quantile} of admit, {store} store");
            figure(&name, f64::from(bed.times[index]));
        }
    }
}

/// An instance with 1,000 routes. Some of their calls fail, so each pulse has state to push.
struct Bed {
    routes: Vec<Route>,
    times: Vec<u32>,
    _atrion: Atrion,
    _runtime: Runtime,
}

impl Bed {
    const ROUTES: usize = 1_000;
    const PER_ROUND: usize = 250_000;

    fn new(fault: Fault) -> Self {
        let provider = FaultyProvider::new(InMemoryProvider::default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .expect("a runtime for the pulse");
        let atrion = runtime
            .block_on(
                Atrion::builder().provider(provider.clone()).config(Config::default().slo(SLO)).connect(),
            )
            .expect("the default set-up");
        // The store fails after the start, as real stores do.
        provider.inject(fault);
        let routes = (0..Self::ROUTES).map(|n| atrion.route(&format!("api/{n}"))).collect();
        Self { routes, times: Vec::new(), _atrion: atrion, _runtime: runtime }
    }

    fn round(&mut self) {
        self.times.reserve(Self::PER_ROUND);
        for n in 0..Self::PER_ROUND {
            let route = &self.routes[n % Self::ROUTES];
            let begin = Instant::now();
            let answer = route.admit(Tier::Normal);
            let took = begin.elapsed().as_nanos();
            self.times.push(u32::try_from(took).unwrap_or(u32::MAX));
            if let Ok(permit) = answer {
                permit.finish(if n % 50 == 0 { Outcome::Failure } else { Outcome::Success });
            }
        }
    }
}
