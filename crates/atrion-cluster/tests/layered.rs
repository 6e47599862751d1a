// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Layers: the nearest that knows answers, and the failure of one stays its own.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used)] // a test may panic: that is how it speaks

use std::sync::Arc;
use std::time::Duration;

use atrion_cluster::postgres::PostgresPersistenceAdapter;
use atrion_cluster::{LayeredError, LayeredProvider};
use atrion_core::{Mode, Ohms};
use atrion_license::Sources;
use atrion_state::{InMemoryProvider, PhysicsVector, RouteId, StateProvider};
use atrion_testkit::contract::{self, Subject, Time};
use atrion_testkit::{Fault, FaultyProvider};

/// A store without a license: it keeps state in memory, under its own name and with its own
/// capabilities.
fn store() -> PostgresPersistenceAdapter {
    let nowhere = Sources::file("/nowhere/atrion.key");
    PostgresPersistenceAdapter::builder()
        .url("postgres://nobody@127.0.0.1:1/nothing")
        .node("a")
        .license(nowhere)
        .build()
        .unwrap()
}

fn layered(layers: Vec<Arc<dyn StateProvider>>) -> LayeredProvider {
    LayeredProvider::new(layers).unwrap()
}

fn route(name: &str) -> RouteId {
    RouteId::new(name).unwrap()
}

fn vector(scar: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(scar))
}

async fn scar(provider: &dyn StateProvider, name: &str) -> Option<f64> {
    provider.get_vector(&route(name)).await.unwrap().map(|vector| vector.scar_tissue.get())
}

/// Two memories of different names, so that nothing is up to a server here. Without a license the
/// second one keeps nothing and says that it is degraded: the contract minds both.
#[tokio::test]
async fn layers_keep_the_contract_up_to_what_the_second_cannot() {
    let report = contract::run_all(|| async {
        let open = || -> Arc<dyn StateProvider> {
            Arc::new(layered(vec![Arc::new(InMemoryProvider::new()), Arc::new(store())]))
        };
        Subject::opened_by(open, Time::Real)
    })
    .await;
    let broken: Vec<_> = report.broken().map(|entry| entry.name).collect();
    let expected = [
        "what_was_stored_is_there_when_the_store_is_opened_again",
        "health_answers_at_any_time",
        "stats_answer_at_any_time",
    ];
    assert_eq!(broken, expected, "{report}");
}

#[tokio::test]
async fn the_nearest_layer_that_knows_answers() {
    let (near, far) = (Arc::new(InMemoryProvider::new()), Arc::new(store()));
    far.connect().await.unwrap();
    far.update_vector(route("far"), vector(2.0)).await.unwrap();
    far.update_vector(route("both"), vector(2.0)).await.unwrap();
    near.update_vector(route("both"), vector(1.0)).await.unwrap();
    let layers = layered(vec![near.clone(), far.clone()]);
    assert_eq!(scar(&layers, "both").await, Some(1.0));
    assert_eq!(scar(&layers, "far").await, Some(2.0));
    assert_eq!(scar(&layers, "nowhere").await, None);
    let mut warm = layers.warm_start().await.unwrap();
    warm.sort_by(|a, b| a.0.cmp(&b.0));
    let warm: Vec<_> =
        warm.iter().map(|(route, vector)| (route.as_str(), vector.scar_tissue.get())).collect();
    assert_eq!(warm, [("both", 1.0), ("far", 2.0)]);

    layers.update_vector(route("new"), vector(3.0)).await.unwrap();
    layers.update_batch(&[(route("newer"), vector(4.0))]).await.unwrap();
    for layer in [near.as_ref() as &dyn StateProvider, far.as_ref()] {
        assert_eq!((scar(layer, "new").await, scar(layer, "newer").await), (Some(3.0), Some(4.0)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_layer_stays_its_own() {
    for fault in [Fault::Fail, Fault::Hang] {
        let faulty = FaultyProvider::new(store());
        let layers = layered(vec![Arc::new(InMemoryProvider::new()), Arc::new(faulty.clone())]);
        layers.connect().await.unwrap();
        faulty.inject(fault);
        let begin = tokio::time::Instant::now();
        layers.update_vector(route("a"), vector(1.0)).await.unwrap();
        assert_eq!(scar(&layers, "a").await, Some(1.0));
        layers.warm_start().await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(2), "{fault:?}: {:?}", begin.elapsed());
        assert!(!layers.health().is_up());
        let stats = layers.stats();
        let health: Vec<_> = stats.iter().map(|stats| (stats.provider, stats.health.is_up())).collect();
        assert_eq!(health, [("memory", true), ("postgres", false)]);

        // That memory does not know is no cold start while the store cannot be asked.
        assert!(layers.get_vector(&route("unknown")).await.is_err());
        // Nor is what only memory has stored.
        assert!(layers.disconnect().await.is_err());
    }
}

#[tokio::test]
async fn layers_have_names_that_differ() {
    assert!(matches!(LayeredProvider::new(Vec::new()), Err(LayeredError::Empty)));
    let twice: Vec<Arc<dyn StateProvider>> =
        vec![Arc::new(InMemoryProvider::new()), Arc::new(InMemoryProvider::new())];
    assert!(matches!(LayeredProvider::new(twice), Err(LayeredError::Twice { name: "memory" })));
    let can = layered(vec![Arc::new(InMemoryProvider::new()), Arc::new(store())]).capabilities();
    assert!(can.durable && can.buffered && can.subscribes && !can.shared);
    assert_eq!(can.batch_limit, 1_000);
}
