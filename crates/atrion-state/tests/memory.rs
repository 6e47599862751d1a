// SPDX-License-Identifier: Apache-2.0
//! The in-memory store: bounded, warm across engines, aged by its own clock.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms, Wall};
use atrion_state::{Clock, DecayRate, FakeClock, InMemoryProvider, PhysicsVector, RouteId, StateProvider};

fn route(name: impl ToString) -> RouteId {
    RouteId::new(&name.to_string()).unwrap()
}

fn scarred(ohms: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0), Ohms::saturating(ohms))
        .with_decay_rate(DecayRate::saturating(0.5))
}

fn store(capacity: usize) -> (InMemoryProvider, FakeClock) {
    let clock = FakeClock::at(Mono::from_nanos(1_000_000_000), Wall::from_millis(1_767_960_000_000));
    (InMemoryProvider::with(capacity, Arc::new(clock.clone())), clock)
}

async fn put(store: &InMemoryProvider, name: impl ToString, vector: PhysicsVector) {
    store.update_vector(route(name), vector).await.unwrap();
}

async fn has(store: &InMemoryProvider, name: impl ToString) -> bool {
    // Through an export, because reading counts as use.
    store.export().routes.iter().any(|(known, _)| known.as_str() == name.to_string())
}

#[tokio::test]
async fn a_second_engine_starts_warm() {
    let (first, clock) = store(10);
    put(&first, "api", scarred(40.0)).await;
    let second = first.clone();
    first.disconnect().await.unwrap();
    drop(first);
    clock.advance(Duration::from_secs(2));
    second.connect().await.unwrap();
    let warm = second.get_vector(&route("api")).await.unwrap().unwrap();
    assert_eq!((warm.scar_tissue.get(), warm.age), (40.0, Duration::from_secs(2)));
    assert!((warm.aged_scar().get() - 40.0 * (-1.0f64).exp()).abs() < 1e-9);
}

#[tokio::test]
async fn ages_add_up_over_stores() {
    let (store, clock) = store(10);
    put(&store, "api", scarred(40.0).with_age(Duration::from_secs(3))).await;
    clock.advance(Duration::from_secs(4));
    let got = store.get_vector(&route("api")).await.unwrap().unwrap();
    assert_eq!(got.age, Duration::from_secs(7));
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_nothing_younger_than_it_was_stored() {
    let (store, clock) = store(10);
    put(&store, "api", scarred(40.0).with_age(Duration::from_secs(3))).await;
    clock.set(Mono::ZERO);
    let got = store.get_vector(&route("api")).await.unwrap().unwrap();
    assert_eq!(got.age, Duration::from_secs(3));
}

#[tokio::test]
async fn neutral_routes_are_evicted_first_then_the_longest_untouched() {
    let (store, clock) = store(4);
    put(&store, "scarred-old", scarred(40.0)).await;
    put(&store, "neutral-old", scarred(0.0)).await;
    put(&store, "neutral-new", scarred(0.0)).await;
    put(&store, "scarred-new", scarred(40.0)).await;

    put(&store, "one-more", scarred(30.0)).await;
    assert!(!has(&store, "neutral-old").await, "the neutral route that was used longest ago goes first");
    put(&store, "two-more", scarred(30.0)).await;
    assert!(!has(&store, "neutral-new").await);

    // No neutral route is left, and one of the others is read.
    clock.advance(Duration::from_millis(1));
    store.get_vector(&route("scarred-old")).await.unwrap();
    put(&store, "three-more", scarred(30.0)).await;
    assert!(has(&store, "scarred-old").await, "it was read a moment ago");
    assert!(!has(&store, "scarred-new").await, "it was untouched for longest");

    let stats = store.stats();
    assert_eq!((stats.routes, stats.capacity), (4, 4));
    assert_eq!((stats.evicted_neutral, stats.evicted_scarred), (2, 1));
}

#[tokio::test]
async fn what_faded_to_neutral_goes_before_what_did_not() {
    let (store, clock) = store(2);
    put(&store, "lasting", scarred(40.0).with_decay_rate(DecayRate::ZERO)).await;
    put(&store, "fading", scarred(40.0)).await;
    clock.advance(Duration::from_secs(60));
    put(&store, "new", scarred(40.0)).await;
    assert!(has(&store, "lasting").await);
    assert!(!has(&store, "fading").await, "forty ohms at 0.5/s are nothing after a minute");
}

#[tokio::test]
async fn an_open_breaker_is_not_neutral_whatever_its_scar() {
    let (store, clock) = store(2);
    let mut open = scarred(40.0);
    open.mode = Mode::CircuitBreaker;
    put(&store, "open", open).await;
    put(&store, "scarred", scarred(40.0)).await;
    clock.advance(Duration::from_secs(60));
    put(&store, "new", scarred(40.0)).await;
    assert!(has(&store, "open").await);
    assert!(!has(&store, "scarred").await);
}

#[tokio::test]
async fn any_number_of_names_stays_within_the_capacity() {
    let (store, _) = store(1_000);
    for scar in [0.0, 40.0] {
        for name in 0..100_000 {
            put(&store, name, scarred(scar)).await;
        }
        assert_eq!(store.stats().routes, 1_000);
    }
    let stats = store.stats();
    // Every neutral name went before the first scarred one did.
    assert_eq!((stats.evicted_neutral, stats.evicted_scarred), (100_000, 99_000));
    assert_eq!(store.export().routes.len(), 1_000);
}

#[tokio::test]
async fn a_capacity_of_nothing_holds_one() {
    let (store, _) = store(0);
    put(&store, "a", scarred(1.0)).await;
    put(&store, "b", scarred(1.0)).await;
    assert_eq!(store.stats().routes, 1);
    assert!(has(&store, "b").await);
}

#[tokio::test]
async fn removing_and_clearing_forget() {
    let (store, _) = store(10);
    for name in ["a", "b", "c"] {
        put(&store, name, scarred(1.0)).await;
    }
    assert!(store.remove(&route("a")));
    assert!(!store.remove(&route("a")));
    assert_eq!(store.stats().routes, 2);
    store.clear();
    assert_eq!(store.stats().routes, 0);
    put(&store, "a", scarred(1.0)).await;
    assert!(has(&store, "a").await);
}

#[tokio::test]
async fn every_handle_hears_of_local_changes_and_its_own_end() {
    let (one, _) = store(10);
    let other = one.clone();
    let (mut at_one, mut at_other) = (one.subscribe().unwrap(), other.subscribe().unwrap());
    put(&one, "a", scarred(1.0)).await;
    put(&other, "b", scarred(2.0)).await;
    for subscription in [&mut at_one, &mut at_other] {
        let (first, second) = (subscription.recv().await.unwrap(), subscription.recv().await.unwrap());
        assert_eq!((first.route.as_str(), second.route.as_str()), ("a", "b"));
        assert!(second.register.version > first.register.version);
        assert_eq!(second.register.vector, scarred(2.0));
    }
    one.disconnect().await.unwrap();
    assert_eq!(at_one.recv().await, None);
    put(&other, "c", scarred(3.0)).await;
    assert_eq!(at_other.recv().await.unwrap().route.as_str(), "c");
}

#[tokio::test]
async fn a_snapshot_carries_ages_into_another_store() {
    let (first, clock) = store(10);
    put(&first, "b", scarred(40.0)).await;
    put(&first, "a", scarred(20.0)).await;
    clock.advance(Duration::from_secs(2));
    let snapshot = first.export();
    assert_eq!(snapshot.taken, clock.wall());
    let names: Vec<_> = snapshot.routes.iter().map(|(route, _)| route.as_str()).collect();
    assert_eq!(names, ["a", "b"]);

    let (second, _) = store(10);
    put(&second, "a", scarred(5.0)).await;
    assert_eq!(second.import(&snapshot, Duration::from_secs(3)), 1, "what is there was learnt later");
    let a = second.get_vector(&route("a")).await.unwrap().unwrap();
    let b = second.get_vector(&route("b")).await.unwrap().unwrap();
    assert_eq!((a.scar_tissue.get(), a.age), (5.0, Duration::ZERO));
    assert_eq!((b.scar_tissue.get(), b.age), (40.0, Duration::from_secs(5)));
}

#[tokio::test]
async fn a_snapshot_evicts_nothing() {
    let (big, _) = store(100);
    for name in 0..100 {
        put(&big, name, scarred(40.0)).await;
    }
    let (small, _) = store(10);
    put(&small, "mine", scarred(0.0)).await;
    assert_eq!(small.import(&big.export(), Duration::ZERO), 9);
    assert!(has(&small, "mine").await);
}

#[cfg(feature = "serde")]
mod serde {
    use super::*;
    use atrion_state::MemorySnapshot;

    #[tokio::test]
    async fn a_snapshot_survives_a_file() {
        let (store, clock) = store(10);
        put(&store, "api/{id}", scarred(0.1 + 0.2)).await;
        clock.advance(Duration::from_millis(1_500));
        let snapshot = store.export();
        let text = serde_json::to_string(&snapshot).unwrap();
        assert!(text.contains(r#""mode":"operational""#) && text.contains(r#""age":1.5"#), "{text}");
        assert_eq!(serde_json::from_str::<MemorySnapshot>(&text).unwrap(), snapshot);
    }

    #[test]
    fn a_bad_file_is_refused_with_the_field() {
        let good = r#"{"taken":0,"routes":[["a",{"resistance":10.0,"momentum":0.0,"scar_tissue":1.0,"timestamp":0,"mode":"operational","weight":9,"decay_rate":0.5,"age":1.0}]]}"#;
        assert!(serde_json::from_str::<MemorySnapshot>(good).is_ok());
        for (from, to, says) in [
            (r#""scar_tissue":1.0"#, r#""scar_tissue":-1.0"#, "ohms must not be negative, got -1"),
            (
                r#""decay_rate":0.5"#,
                r#""decay_rate":11.0"#,
                "decay_rate must be a finite number in 0..=10 1/s, got 11",
            ),
            (r#""momentum":0.0"#, r#""momentum":-2.0"#, "momentum must be a finite number"),
            (r#""age":1.0"#, r#""age":-1.0"#, "`age` must be seconds >= 0, got -1"),
            (r#""age":1.0"#, r#""age":1e300"#, "`age` must be seconds >= 0"),
            (r#"["a","#, r#"["","#, "route name must have 1..=256 bytes, got 0"),
            (r#""mode":"operational""#, r#""mode":"ok""#, "unknown variant `ok`"),
            (r#""weight":9"#, r#""weight":9,"extra":1"#, "unknown field `extra`"),
            (r#""taken":0"#, r#""taken":0,"more":1"#, "unknown field `more`"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            let why = serde_json::from_str::<MemorySnapshot>(&bad).unwrap_err().to_string();
            assert!(why.contains(says), "{why} does not say {says}");
        }
    }
}
