// SPDX-License-Identifier: Apache-2.0
//! The store of lesson 6 under the contract of the port, and in the face of a file that is not as
//! it left it.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used)] // tests speak as tests do

#[path = "../examples/06_store/store.rs"]
mod store;

use std::sync::Arc;
use std::time::Duration;

use atrion::provider::{
    FakeClock, Mode, Mono, Ohms, PhysicsVector, ProviderError, RouteId, StateProvider, Wall,
};
use atrion_testkit::contract::{self, Subject, Time};

use self::store::{FileStore, MOST_ROUTES};

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_lesson_6_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = (0..).map(|nth| folder.path().join(format!("{nth}.ndjson")));
    let files = std::sync::Mutex::new(&mut files);
    let report = contract::run_all(|| {
        let path = files.lock().unwrap().next().unwrap();
        async move {
            let clock = FakeClock::new();
            let time = Time::Fake(clock.clone());
            // Called twice by the check of durability: the second store is another life of the
            // process.
            let open = move || -> Arc<dyn StateProvider> {
                Arc::new(FileStore::with_clock(&path, Arc::new(clock.clone())))
            };
            Subject::opened_by(open, time)
        }
    })
    .await;
    println!("{report}");
    report.assert_kept();
}

fn scarred(ohms: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0 + ohms), Ohms::saturating(ohms))
}

#[tokio::test]
async fn rubbish_in_the_file_is_skipped_and_counted_and_the_rest_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.ndjson");
    let route = RouteId::new("api/checkout").unwrap();

    let store = FileStore::at(&path);
    store.connect().await.unwrap();
    store.update_vector(route.clone(), scarred(40.0)).await.unwrap();
    store.disconnect().await.unwrap();
    let good = std::fs::read(&path).unwrap();
    let rubbish: [&[u8]; 4] =
        [b"not a line\n", b"\xff\xfe\n", br#"["api/checkout",1,{"scar_tissue":"NaN"}]"#, b"\n[\"torn"];
    std::fs::write(&path, [good.as_slice(), &rubbish.concat()].concat()).unwrap();

    let store = FileStore::at(&path);
    store.connect().await.unwrap();
    let found = store.get_vector(&route).await.unwrap().unwrap();
    assert_eq!(found.scar_tissue, Ohms::saturating(40.0));
    assert_eq!(store.skipped(), 4);
}

#[tokio::test]
async fn the_time_between_two_lives_ages_what_the_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.ndjson");
    let route = RouteId::new("api/checkout").unwrap();
    let at = |seconds: u64| Arc::new(FakeClock::at(Mono::ZERO, Wall::from_millis(1_000 * seconds)));

    let store = FileStore::with_clock(&path, at(100));
    store.connect().await.unwrap();
    store.update_vector(route.clone(), scarred(40.0).with_age(Duration::from_secs(3))).await.unwrap();
    store.disconnect().await.unwrap();

    let store = FileStore::with_clock(&path, at(160));
    store.connect().await.unwrap();
    assert_eq!(store.get_vector(&route).await.unwrap().unwrap().age, Duration::from_secs(63));
}

#[tokio::test]
async fn a_full_store_forgets_neutral_vectors_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::at(folder.path().join("vectors.ndjson"));
    store.connect().await.unwrap();
    let route = |nth: usize| RouteId::new(&format!("route {nth}")).unwrap();
    let batch: Vec<_> =
        (0..MOST_ROUTES).map(|nth| (route(nth), scarred(if nth == 7 { 0.0 } else { 40.0 }))).collect();
    store.update_batch(&batch).await.unwrap();
    store.update_vector(route(MOST_ROUTES), scarred(40.0)).await.unwrap();
    assert!(store.get_vector(&route(7)).await.unwrap().is_none());
    assert_eq!(store.warm_start().await.unwrap().len(), MOST_ROUTES);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_an_error_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let error = FileStore::at(folder.path().join("missing/vectors.ndjson")).connect().await.unwrap_err();
    assert!(matches!(&error, ProviderError::Unavailable { reason, .. } if !reason.is_empty()), "{error}");
}
