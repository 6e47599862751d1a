// SPDX-License-Identifier: Apache-2.0
//! A buffer before a store: the contract, and what the store's failures come to. On paused time.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Ohms};
use atrion_engine::WriteBehind;
use atrion_state::{
    Capabilities, FakeClock, InMemoryProvider, PhysicsVector, RouteId, StateManager, StateProvider,
};
use atrion_testkit::contract::{self, Subject, Time};
use atrion_testkit::{Fault, FaultyProvider, RecordingObserver, ReportingProvider, TokioClock};
use tokio::time::{Instant, sleep};

use crate::world::{ms, name};

fn behind<S: StateProvider>(store: S) -> WriteBehind<S> {
    let manager = StateManager::with_capacity(100);
    WriteBehind::over(Arc::new(store), Arc::new(manager), Arc::new(TokioClock::new()))
}

fn route(name: &str) -> RouteId {
    RouteId::new(name).unwrap()
}

fn vector(scar: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(scar))
}

async fn scar(store: &InMemoryProvider, name: &str) -> Option<f64> {
    store.get_vector(&route(name)).await.unwrap().map(|vector| vector.scar_tissue.get())
}

#[tokio::test(start_paused = true)]
async fn it_keeps_the_contract() {
    let report = contract::run_all(|| async {
        let clock = FakeClock::new();
        let store = InMemoryProvider::with_clock(Arc::new(clock.clone()));
        let (manager, time) = (StateManager::with_capacity(20_000), Arc::new(clock.clone()));
        let behind = WriteBehind::over(Arc::new(store), Arc::new(manager), time);
        Subject::new(Arc::new(behind), Time::Fake(clock))
    })
    .await;
    report.assert_kept();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_delays_and_loses_nothing_and_is_told_once() {
    for fault in [Fault::Fail, Fault::Hang, Fault::Delay(Duration::from_secs(30))] {
        let (store, events) = (InMemoryProvider::new(), RecordingObserver::new());
        let faulty = FaultyProvider::new(store.clone());
        let behind = behind(faulty.clone());
        behind.attach(Arc::new(events.clone()));
        behind.connect().await.unwrap();
        faulty.inject(fault);
        let begin = Instant::now();
        for nth in 0..50 {
            behind.update_vector(route("r"), vector(f64::from(nth))).await.unwrap();
            behind.update_vector(route(&format!("r{nth}")), vector(1.0)).await.unwrap();
            assert!(behind.get_vector(&route("r")).await.unwrap().is_some());
        }
        assert_eq!(begin.elapsed(), Duration::ZERO, "{fault:?}");
        sleep(Duration::from_secs(20)).await;
        assert!(!behind.health().is_up() && behind.failure().is_some() && behind.lag() > ms(19_000));
        assert_eq!(scar(&store, "r").await, None);
        faulty.heal();
        sleep(Duration::from_secs(12)).await;
        assert_eq!(
            (scar(&store, "r").await, scar(&store, "r49").await),
            (Some(49.0), Some(1.0)),
            "{fault:?}"
        );
        assert!(behind.health().is_up() && behind.lag().is_zero());
        let told: Vec<_> = events.events().iter().map(name).filter(|name| name.starts_with("prov")).collect();
        assert_eq!(told, ["provider degraded", "provider recovered"], "{fault:?}");
        behind.disconnect().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_says_whether_all_is_stored() {
    let store = InMemoryProvider::new();
    let faulty = FaultyProvider::new(store.clone());
    let behind = behind(faulty.clone());
    assert!(behind.flush().await.is_err(), "it is not connected");
    behind.connect().await.unwrap();
    behind.update_vector(route("a"), vector(1.0)).await.unwrap();
    behind.flush().await.unwrap();
    assert_eq!(scar(&store, "a").await, Some(1.0));
    faulty.inject(Fault::Fail);
    behind.update_vector(route("a"), vector(2.0)).await.unwrap();
    assert!(behind.flush().await.is_err());
    faulty.heal();
    behind.flush().await.unwrap();
    assert_eq!(scar(&store, "a").await, Some(2.0), "a flush waits for no back-off");
    faulty.inject(Fault::Hang);
    behind.update_vector(route("a"), vector(3.0)).await.unwrap();
    let begin = Instant::now();
    assert!(behind.flush().await.is_err());
    tokio::task::yield_now().await;
    assert!(begin.elapsed() <= ms(1_100) && faulty.under_way() == 0, "{:?}", begin.elapsed());
}

/// What a store refuses before it was reached is not what it was to store.
#[tokio::test(start_paused = true)]
async fn a_refused_connection_loses_no_vector() {
    let store = InMemoryProvider::new();
    let faulty = FaultyProvider::new(store.clone());
    faulty.inject(Fault::Reject);
    let behind = behind(faulty.clone());
    let refused = behind.connect().await.unwrap_err();
    assert!(!refused.is_retryable(), "{refused}");
    behind.update_vector(route("a"), vector(1.0)).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    faulty.heal();
    sleep(Duration::from_secs(12)).await;
    assert_eq!(scar(&store, "a").await, Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_a_part_alone_has_not_recovered() {
    let (store, events) = (InMemoryProvider::new(), RecordingObserver::new());
    let one_at_a_time = Capabilities::new("narrow").batch_limit(1);
    let faulty = FaultyProvider::new(ReportingProvider::new(store.clone(), one_at_a_time));
    let behind = behind(faulty.clone());
    behind.attach(Arc::new(events.clone()));
    behind.connect().await.unwrap();
    faulty.flap([(Fault::Fail, 1), (Fault::None, 1)]);
    for nth in 0..20 {
        behind.update_vector(route(&format!("r{nth}")), vector(1.0)).await.unwrap();
    }
    sleep(Duration::from_secs(5)).await;
    faulty.heal();
    sleep(Duration::from_secs(20)).await;
    let told: Vec<_> = events.events().iter().map(name).filter(|name| name.starts_with("prov")).collect();
    assert_eq!(told, ["provider degraded", "provider recovered"]);
    assert_eq!(store.export().routes.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_store_is_written_to_at_its_pace() {
    let (store, events) = (InMemoryProvider::new(), RecordingObserver::new());
    let paced = Capabilities::new("paced").write_interval(Duration::from_secs(10));
    let behind = behind(ReportingProvider::new(store, paced));
    behind.attach(Arc::new(events.clone()));
    behind.connect().await.unwrap();
    for nth in 0..1_000 {
        behind.update_vector(route("a"), vector(f64::from(nth))).await.unwrap();
        sleep(ms(100)).await;
    }
    let pushes = events.count(|event| name(event) == "push finished");
    assert!((9..=13).contains(&pushes), "{pushes} in 100 s");
    assert!(behind.lag() <= Duration::from_secs(12), "{:?}", behind.lag());
}
