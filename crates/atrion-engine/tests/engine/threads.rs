// SPDX-License-Identifier: Apache-2.0
//! Real threads. What is asserted are sums and bounds, never times.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::thread;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Config, OwnedPermit, RouteConfig};

use crate::world::{World, admit_all, ms, volts};

const OUTCOMES: [Option<Outcome>; 4] =
    [Some(Outcome::Success), Some(Outcome::Failure), Some(Outcome::Ignored), None];

fn end(permit: OwnedPermit, how: usize) {
    match OUTCOMES[how % OUTCOMES.len()] {
        Some(outcome) => permit.finish(outcome),
        None => drop(permit),
    }
}

#[test]
fn thousands_of_threads_come_and_go_and_every_call_is_counted_once() {
    let world = World::default();
    let route = world.learned("r");
    // Busy, so that threads count for themselves.
    world.healthy_traffic(&route, 12, 80);
    let before = route.snapshot().counts;
    let (rounds, threads, calls) = (150, 16, 7);
    for round in 0..rounds {
        thread::scope(|scope| {
            for number in 0..threads {
                let route = &route;
                scope.spawn(move || {
                    // Opened breakers or not: these volts pass any crowd, and the others are
                    // counted as refused.
                    let permits: Vec<_> =
                        (0..calls).filter_map(|_| route.admit_owned(Tier::Normal).ok()).collect();
                    permits.into_iter().enumerate().for_each(|(i, permit)| end(permit, i + number + round));
                });
            }
            if round % 10 == 0 {
                world.tick();
            }
        });
    }
    assert_eq!(route.snapshot().in_flight, 0);
    world.tick();
    let counts = route.snapshot().counts;
    let asked = (rounds * threads * calls) as u64;
    let new = |now: u64, then: u64| now - then;
    let admitted = new(counts.all_admitted(), before.all_admitted());
    assert_eq!(admitted + new(counts.all_shed(), before.all_shed()), asked);
    let ended = new(counts.succeeded(), before.succeeded())
        + counts.failed()
        + counts.late()
        + counts.ignored()
        + counts.cancelled()
        + counts.outdated();
    assert_eq!(ended, admitted);
}

/// The bound that the live side documents, from outside: one for each thread, a batch for each that
/// is flushing, and a batch less one for each other thread that has first shown up since the last
/// tick.
fn error_bound(target: f64, threads: u32) -> i64 {
    let batch = 1 + (target / 8.0) as i64;
    i64::from(threads) * (1 + 2 * batch.min(64))
}

#[test]
fn a_cap_holds_under_threads_but_for_the_documented_error() {
    let threads = 8;
    let cap = 400;
    let config = Config { default: RouteConfig::default().cap(cap), ..Config::default() };
    let world = World::new(config);
    let route = world.engine.route("r");
    for _ in 0..12 {
        // As many at once as would pass the cap by the law alone.
        let permits = admit_all(&route, 400);
        world.clock.advance(ms(50));
        permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        world.clock.advance(ms(50));
        world.pulse();
    }
    let target = route.snapshot().target;
    let (really, most, over) = (AtomicI64::new(0), AtomicI64::new(0), AtomicBool::new(false));
    let all_hold = Barrier::new(threads as usize);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut held = Vec::new();
                for turn in 0..4_000_usize {
                    if turn == 1_000 {
                        // On a busy machine a thread would be done before the next has begun.
                        all_hold.wait();
                    }
                    if let Ok(permit) = route.admit(Tier::Critical) {
                        most.fetch_max(really.fetch_add(1, SeqCst) + 1, SeqCst);
                        held.push(permit);
                    }
                    // Together the threads would hold far more than the cap.
                    if held.len() > 150 || turn % 3 == 0 {
                        really.fetch_sub(1, SeqCst);
                        match held.pop() {
                            Some(permit) => permit.finish(Outcome::Success),
                            None => _ = really.fetch_add(1, SeqCst),
                        }
                    }
                }
                really.fetch_sub(held.len() as i64, SeqCst);
                drop(held);
            });
        }
        let (world, over) = (&world, &over);
        scope.spawn(move || {
            while !over.load(SeqCst) {
                world.pulse();
                thread::yield_now();
            }
        });
        // The pulse ends with the last call.
        scope.spawn(|| {
            while really.load(SeqCst) > 0 || most.load(SeqCst) == 0 {
                thread::yield_now();
            }
            over.store(true, SeqCst);
        });
    });
    let (most, allowed) = (most.load(SeqCst), i64::from(cap) + error_bound(target, threads));
    assert!(most >= i64::from(cap) / 2, "{most}: the test has not come near the cap");
    assert!(most <= allowed, "{most} in flight at a cap of {cap}, allowed {allowed}");
    assert_eq!(route.snapshot().in_flight, 0);
}

#[test]
fn what_a_thread_leaves_unflushed_is_found_by_whoever_decides() {
    let world = World::new(Config { default: RouteConfig::default().cap(300), ..Config::default() });
    let route = world.engine.route("r");
    world.healthy_traffic(&route, 15, 200);
    let held: Vec<_> = thread::scope(|scope| {
        (0..4)
            .map(|_| scope.spawn(|| admit_all(&route, 74)))
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    world.tick();
    assert_eq!(route.snapshot().in_flight, 296);
    let more: Vec<_> = (0..10).map_while(|_| route.admit_owned(volts(1e6)).ok()).collect();
    assert_eq!(more.len(), 4, "after a tick the cap is exact");
    drop((held, more));
    assert_eq!(route.snapshot().in_flight, 0);
}

#[test]
fn one_opening_and_one_closing_however_many_threads_see_them() {
    let world = World::default();
    let route = world.learned("r");
    for _ in 0..30 {
        world.ticks(20);
        let permits = admit_all(&route, 200);
        let shares: Vec<Vec<_>> = permits.into_iter().fold(
            (0..8).map(|_| Vec::new()).collect(),
            |mut shares: Vec<Vec<_>>, permit| {
                let least = shares.iter_mut().min_by_key(|share| share.len()).unwrap();
                least.push(permit);
                shares
            },
        );
        let _ = world.events.take();
        thread::scope(|scope| {
            for share in shares {
                scope.spawn(move || share.into_iter().for_each(|permit| permit.finish(Outcome::Failure)));
            }
        });
        world.tick();
        let probes: Vec<_> = (0..8).filter_map(|_| route.admit_owned(Tier::Critical).ok()).collect();
        assert!((1..=3).contains(&probes.len()));
        thread::scope(|scope| {
            for probe in probes {
                scope.spawn(move || probe.finish(Outcome::Success));
            }
        });
        world.tick();
        let changes: Vec<_> = world.events.take().iter().map(|event| format!("{event:?}")).collect();
        let turns = changes.iter().filter(|text| text.contains("ModeChanged")).count();
        assert_eq!(turns, 2, "{changes:?}");
        let snapshot = route.snapshot();
        assert_eq!((snapshot.mode, snapshot.debt), (atrion_core::Mode::Operational, 0.0));
        world.healthy_traffic(&route, 3, 20);
    }
}

#[test]
fn a_thread_that_was_idle_knows_its_own_calls_from_the_first_on() {
    let world = World::new(Config { default: RouteConfig::default().cap(100), ..Config::default() });
    let route = world.engine.route("r");
    world.healthy_traffic(&route, 3, 20);
    for _ in 0..12 {
        // Enough at once for an N* that lets threads count in batches.
        let permits = admit_all(&route, 90);
        world.clock.advance(ms(50));
        permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        world.clock.advance(ms(50));
        world.pulse();
    }
    assert!(route.snapshot().target > 64.0, "{:?}", route.snapshot());
    world.ticks(3);
    let held: Vec<_> = (0..200).map_while(|_| route.admit(Tier::Critical).ok()).collect();
    assert_eq!(held.len(), 100);
}
