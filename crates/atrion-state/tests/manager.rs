// SPDX-License-Identifier: Apache-2.0
//! The cache of own vectors and its dirty set, against a slow obvious twin and under threads.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms};
use atrion_state::{DecayRate, PhysicsVector, RouteId, StateManager, Weight};
use proptest::prelude::*;

fn route(number: u8) -> RouteId {
    RouteId::new(&format!("r{number}")).unwrap()
}

fn scarred(ohms: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0), Ohms::saturating(ohms))
        .with_decay_rate(DecayRate::saturating(0.5))
}

fn at(millis: u64) -> Mono {
    Mono::from_nanos(millis * 1_000_000)
}

fn names(batch: &[(RouteId, PhysicsVector)]) -> Vec<&str> {
    batch.iter().map(|(route, _)| route.as_str()).collect()
}

#[test]
fn a_recorded_vector_is_read_back_aged() {
    let manager = StateManager::default();
    assert_eq!(manager.get(&route(1), at(0)), None);
    manager.record(&route(1), scarred(40.0), at(1_000));
    let got = manager.get(&route(1), at(3_000)).unwrap();
    assert_eq!((got.scar_tissue.get(), got.age), (40.0, Duration::from_secs(2)));
}

#[test]
fn slowness_coalesces_instead_of_queuing() {
    let manager = StateManager::default();
    for tick in 0..1_000u64 {
        for number in 0..3 {
            manager.record(&route(number), scarred(tick as f64), at(tick * 100));
        }
    }
    assert_eq!(manager.dirty(), 3);
    let batch = manager.take_dirty(10, at(99_900));
    assert_eq!(names(batch.vectors()), ["r0", "r1", "r2"]);
    assert!(
        batch.vectors().iter().all(|(_, vector)| vector.scar_tissue.get() == 999.0),
        "values are read at the flush"
    );
    assert_eq!(manager.dirty(), 0);
}

#[test]
fn a_limit_takes_those_that_wait_longest() {
    let manager = StateManager::default();
    for number in 0..5 {
        manager.record(&route(number), scarred(1.0), at(0));
    }
    assert_eq!(names(manager.take_dirty(2, at(0)).vectors()), ["r0", "r1"]);
    manager.record(&route(0), scarred(9.0), at(100));
    assert_eq!(names(manager.take_dirty(3, at(100)).vectors()), ["r2", "r3", "r4"]);
    assert_eq!(names(manager.take_dirty(3, at(100)).vectors()), ["r0"]);
}

#[test]
fn a_failed_push_is_repeated_with_what_is_newer() {
    let manager = StateManager::default();
    manager.record(&route(1), scarred(1.0), at(0));
    manager.record(&route(2), scarred(2.0), at(0));
    let batch = manager.take_dirty(10, at(0));
    manager.record(&route(1), scarred(30.0), at(100));
    manager.mark_failed(batch);
    let again = manager.take_dirty(10, at(200));
    let scars: Vec<_> =
        again.vectors().iter().map(|(route, v)| (route.as_str(), v.scar_tissue.get())).collect();
    assert_eq!(scars, [("r1", 30.0), ("r2", 2.0)]);
    assert_eq!(manager.dirty(), 0);
}

#[test]
fn a_removed_route_is_neither_pushed_nor_revived() {
    let manager = StateManager::default();
    manager.record(&route(1), scarred(1.0), at(0));
    let batch = manager.take_dirty(10, at(0));
    assert!(manager.remove(&route(1)));
    assert!(!manager.remove(&route(1)));
    manager.mark_failed(batch);
    assert_eq!((manager.dirty(), manager.len()), (0, 0));
    assert!(manager.take_dirty(10, at(0)).is_empty());
}

#[test]
fn adding_and_removing_routes_leaves_nothing_behind() {
    let manager = StateManager::default();
    for _ in 0..10_000 {
        manager.record(&route(1), scarred(1.0), at(0));
        manager.remove(&route(1));
    }
    assert_eq!(manager.dirty(), 0);
    manager.record(&route(1), scarred(1.0), at(0));
    assert_eq!(manager.dirty(), 1);
}

#[test]
fn a_scar_that_fades_as_everybody_knows_costs_no_push() {
    let manager = StateManager::default();
    let decay = |millis: u64| scarred(40.0 * (-0.5 * millis as f64 / 1_000.0).exp());
    manager.record(&route(1), decay(0), at(0));
    assert_eq!(manager.take_dirty(10, at(0)).len(), 1);
    for millis in (100..10_000).step_by(100) {
        manager.record(&route(1), decay(millis), at(millis));
        assert_eq!(manager.dirty(), 0, "at {millis} ms");
    }
    // But what no reader can foresee does.
    manager.record(&route(1), scarred(5.0), at(10_000));
    assert_eq!(manager.take_dirty(10, at(10_000)).len(), 1);
    let mut open = scarred(5.0);
    open.mode = Mode::CircuitBreaker;
    manager.record(&route(1), open, at(10_000));
    assert_eq!(manager.take_dirty(10, at(10_000)).len(), 1, "a change of mode");
    manager.record(&route(1), open.with_weight(Weight::FULL), at(10_000));
    assert_eq!(manager.take_dirty(10, at(10_000)).len(), 1, "much more evidence");
}

#[test]
fn what_is_still_worth_something_is_refreshed_before_a_store_forgets_it() {
    let manager = StateManager::default();
    let lasting = scarred(40.0).with_decay_rate(DecayRate::ZERO);
    manager.record(&route(1), lasting, at(0));
    manager.record(&route(2), scarred(0.0), at(0));
    assert_eq!(manager.take_dirty(10, at(0)).len(), 2);
    manager.record(&route(1), lasting, at(29_900));
    assert_eq!(manager.dirty(), 0);
    manager.record(&route(1), lasting, at(30_000));
    manager.record(&route(2), scarred(0.0), at(30_000));
    assert_eq!(
        names(manager.take_dirty(10, at(30_000)).vectors()),
        ["r1"],
        "a neutral route is not worth it"
    );
}

#[test]
fn a_restored_vector_gives_its_aged_scar_and_is_not_pushed_back() {
    let manager = StateManager::default();
    let mut stored = scarred(60.0).with_age(Duration::from_secs(2));
    stored.mode = Mode::CircuitBreaker;
    let restored = manager.restore(&route(1), Some(stored), at(5_000)).unwrap();
    assert!((restored.scar.get() - 60.0 * (-1.0f64).exp()).abs() < 1e-9);
    assert_eq!((restored.mode, restored.age), (Mode::CircuitBreaker, Duration::from_secs(2)));
    assert_eq!(manager.dirty(), 0);
    assert_eq!(manager.get(&route(1), at(6_000)).unwrap().age, Duration::from_secs(3));
}

#[test]
fn what_was_learnt_here_is_newer_than_what_a_store_remembers() {
    let manager = StateManager::default();
    manager.record(&route(1), scarred(1.0), at(0));
    assert_eq!(manager.restore(&route(1), Some(scarred(60.0)), at(0)), None);
    assert_eq!(manager.get(&route(1), at(0)).unwrap().scar_tissue.get(), 1.0);
    assert_eq!(manager.dirty(), 1);
    assert_eq!(manager.restore(&route(2), None, at(0)), None, "a cold start");
}

#[test]
fn a_store_that_lost_what_it_had_gets_everything_of_this_life_again() {
    let manager = StateManager::default();
    manager.record(&route(1), scarred(1.0), at(0));
    manager.restore(&route(2), Some(scarred(2.0)), at(0));
    drop(manager.take_dirty(10, at(0)));
    manager.record(&route(3), scarred(3.0), at(0));
    manager.mark_lost(at(1_000));
    let mut again: Vec<_> =
        names(manager.take_dirty(10, at(1_000)).vectors()).iter().map(ToString::to_string).collect();
    again.sort_unstable();
    assert_eq!(again, ["r1", "r3"], "what came from the store was durable");
}

#[test]
fn the_lag_counts_from_the_first_change_that_the_store_lacks() {
    let manager = StateManager::default();
    assert_eq!(manager.lag(at(9_000)), Duration::ZERO);
    manager.record(&route(1), scarred(1.0), at(1_000));
    manager.record(&route(2), scarred(1.0), at(2_000));
    manager.record(&route(1), scarred(9.0), at(3_000));
    assert_eq!(manager.lag(at(4_000)), Duration::from_secs(3));
    let batch = manager.take_dirty(1, at(4_000));
    assert_eq!(manager.lag(at(4_000)), Duration::from_secs(2));
    manager.mark_failed(batch);
    assert_eq!(manager.lag(at(5_000)), Duration::from_secs(4), "a push that failed changes nothing");
    drop(manager.take_dirty(10, at(5_000)));
    assert_eq!(manager.lag(at(6_000)), Duration::ZERO);
}

#[test]
fn what_is_put_is_taken_as_it_is_and_what_is_recorded_only_if_it_is_news() {
    let manager = StateManager::default();
    manager.put(&route(1), scarred(40.0), at(0));
    drop(manager.take_dirty(10, at(0)));
    manager.record(&route(1), scarred(40.1), at(0));
    assert_eq!((manager.dirty(), manager.get(&route(1), at(0))), (0, Some(scarred(40.0))));
    manager.put(&route(1), scarred(40.1), at(0));
    assert_eq!((manager.dirty(), manager.get(&route(1), at(0))), (1, Some(scarred(40.1))));
}

#[test]
fn a_full_cache_forgets_what_says_nothing_and_then_what_is_oldest() {
    let manager = StateManager::with_capacity(32);
    for number in 0..32u8 {
        let ohms = if number == 7 { 0.0 } else { 5.0 };
        manager.record(&route(number), scarred(ohms), at(u64::from(number)));
    }
    manager.record(&route(40), scarred(1.0), at(40));
    assert_eq!((manager.evicted(), manager.len(), manager.dirty()), (2, 31, 31));
    assert!(manager.get(&route(7), at(41)).is_none() && manager.get(&route(0), at(41)).is_none());
    manager.record(&route(41), scarred(1.0), at(41));
    assert_eq!(manager.restore(&route(42), Some(scarred(1.0)), at(42)), None, "full");
}

#[derive(Debug, Clone)]
enum Call {
    Record(u8),
    Remove(u8),
    Take(usize),
    Fail,
    Deliver,
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (0..6u8).prop_map(Call::Record),
        1 => (0..6u8).prop_map(Call::Remove),
        2 => (0..4usize).prop_map(Call::Take),
        1 => Just(Call::Fail),
        1 => Just(Call::Deliver),
    ]
}

proptest! {
    /// Invariant: whatever fails in whatever order, a flush that works leaves the store with the
    /// newest of every route.
    #[test]
    fn nothing_already_known_is_lost(calls in prop::collection::vec(calls(), 0..200)) {
        let manager = StateManager::default();
        let mut known = BTreeMap::new();
        let mut store = BTreeMap::new();
        let mut flight = None;
        // Versions as scars ten ohms apart and below a thousand, so that every record is news.
        let mut version = 0u32;
        for call in calls {
            match call {
                Call::Record(number) => {
                    version += 1;
                    let vector = scarred(f64::from(version % 97) * 10.0).with_decay_rate(DecayRate::ZERO);
                    manager.record(&route(number), vector, at(0));
                    known.insert(route(number), vector);
                }
                Call::Remove(number) => {
                    prop_assert_eq!(manager.remove(&route(number)), known.remove(&route(number)).is_some());
                }
                Call::Take(limit) if flight.is_none() => {
                    let batch = manager.take_dirty(limit, at(0));
                    prop_assert!(batch.len() <= limit);
                    flight = Some(batch);
                }
                Call::Take(_) => {}
                Call::Fail => manager.mark_failed(flight.take().unwrap_or_default()),
                Call::Deliver => store.extend(flight.take().unwrap_or_default().vectors().iter().cloned()),
            }
            prop_assert!(manager.dirty() <= known.len(), "the buffer is bounded by the routes");
        }
        manager.mark_failed(flight.take().unwrap_or_default());
        store.extend(manager.take_dirty(usize::MAX, at(0)).vectors().iter().cloned());
        for (route, vector) in &known {
            prop_assert_eq!(store.get(route), Some(vector));
        }
        prop_assert_eq!(manager.len(), known.len());
    }
}

#[test]
fn readers_are_never_kept_waiting_and_never_see_a_mixture() {
    let manager = Arc::new(StateManager::default());
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (manager, done) = (Arc::clone(&manager), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut seen = 0u64;
                while !done.load(Ordering::Relaxed) {
                    for number in 0..4 {
                        if let Some(vector) = manager.get(&route(number), at(0)) {
                            assert_eq!(
                                vector.resistance, vector.scar_tissue,
                                "two halves of different writes"
                            );
                            seen += 1;
                        }
                    }
                }
                seen
            })
        })
        .collect();
    let mut stored = BTreeSet::new();
    for tick in 0..20_000u32 {
        let ohms = Ohms::saturating(f64::from(tick));
        manager.record(&route((tick % 4) as u8), PhysicsVector::new(Mode::Operational, ohms, ohms), at(0));
        if tick % 7 == 0 {
            let batch = manager.take_dirty(3, at(0));
            if tick % 2 == 0 {
                manager.mark_failed(batch);
            } else {
                stored.extend(batch.vectors().iter().map(|(route, _)| route.clone()));
            }
        }
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    assert_eq!(stored.len(), 4);
}
