// SPDX-License-Identifier: Apache-2.0
//! The faulty provider does what it is told, and counts.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

use std::time::Duration;

use atrion_core::{Mode, Ohms};
use atrion_state::{
    Event, Fanout, InMemoryProvider, Observer, PhysicsVector, ProviderError, RouteId, StateProvider,
};
use atrion_testkit::{Fault, FaultyProvider, RecordingObserver};

fn route() -> RouteId {
    RouteId::new("api").unwrap()
}

fn vector() -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(4.0))
}

#[tokio::test(start_paused = true)]
async fn a_hung_call_can_be_given_up() {
    let provider = FaultyProvider::new(InMemoryProvider::new());
    let remote = provider.clone();
    remote.inject(Fault::Hang);
    let update = tokio::time::timeout(Duration::from_secs(60), async {
        let running = provider.update_vector(route(), vector());
        running.await
    });
    let (result, seen) = tokio::join!(update, async {
        tokio::task::yield_now().await;
        remote.under_way()
    });
    assert!(result.is_err());
    assert_eq!((seen, remote.under_way()), (1, 0));
    remote.heal();
    assert!(provider.update_vector(route(), vector()).await.is_ok());
    assert_eq!(remote.calls().update_vector, 2);
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_by_tokios_time() {
    let provider = FaultyProvider::new(InMemoryProvider::new());
    provider.inject(Fault::Delay(Duration::from_secs(3)));
    let start = tokio::time::Instant::now();
    provider.get_vector(&route()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn dropped_writes_look_like_success() {
    let provider = FaultyProvider::new(InMemoryProvider::new());
    provider.inject(Fault::DropWrites);
    provider.update_vector(route(), vector()).await.unwrap();
    provider.update_batch(&[(route(), vector())]).await.unwrap();
    assert_eq!(provider.get_vector(&route()).await.unwrap(), None);
}

#[tokio::test]
async fn a_warm_start_is_a_call_and_a_store_may_be_unable_to_list() {
    let provider = FaultyProvider::new(InMemoryProvider::new());
    provider.update_vector(route(), vector()).await.unwrap();
    assert_eq!(provider.warm_start().await.unwrap().len(), 1);
    assert!(provider.clone().that_lists_none().warm_start().await.unwrap().is_empty());
    provider.inject(Fault::Fail);
    assert!(provider.warm_start().await.is_err());
    assert_eq!(provider.calls().warm_start, 3);
}

#[tokio::test]
async fn a_script_flaps_in_the_order_of_calls() {
    let provider = FaultyProvider::new(InMemoryProvider::new());
    provider.flap([(Fault::None, 1), (Fault::Fail, 2), (Fault::Reject, 1)]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(match provider.connect().await {
            Ok(()) => "ok",
            Err(ProviderError::Unavailable { .. }) => "unavailable",
            Err(ProviderError::Rejected { .. }) => "rejected",
            Err(_) => "other",
        });
    }
    assert_eq!(seen, ["ok", "unavailable", "unavailable", "rejected", "ok"]);
    assert_eq!(provider.calls().connect, 5);
}

#[test]
fn a_recording_observer_keeps_the_order() {
    let recorder = RecordingObserver::new();
    let fanout = Fanout::new(vec![std::sync::Arc::new(recorder.clone())]);
    for generation in 1..=3 {
        fanout.on_event(&Event::ConfigReplaced { generation });
    }
    assert_eq!(recorder.count(|event| matches!(event, Event::ConfigReplaced { .. })), 3);
    assert!(matches!(recorder.take()[..], [Event::ConfigReplaced { generation: 1 }, _, _]));
    assert!(recorder.events().is_empty());
}
