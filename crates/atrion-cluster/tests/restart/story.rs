// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The same outage, lived through cold and warm.

use std::sync::Arc;
use std::time::Duration;

use atrion_cluster::LayeredProvider;
use atrion_cluster::postgres::PostgresPersistenceAdapter;
use atrion_cluster::redis::RedisClusterProvider;
use atrion_license::{Tier, development};
use atrion_state::{InMemoryProvider, StateProvider};
use atrion_testbed::{Postgres, Redis};
use atrion_testkit::contract::{self, Subject, Time};

use super::pod::{Pod, Settings, Tally};

/// How the dependency's failures went at a pod's first requests: cold, after a kill, after an
/// orderly stop, and as another node, which is as cold as the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) cold: Tally,
    pub(crate) killed: Tally,
    pub(crate) stopped: Tally,
    pub(crate) stranger: Tally,
}

/// Long enough for a cold pod to protect itself.
const WHILE: Duration = Duration::from_millis(1_500);
/// Long enough for what it learnt to be stored: a second, a fifth, and what a busy machine adds.
const STORED: Duration = Duration::from_millis(2_500);

/// Lives through the outage; `between` befalls the stores while the pod is away.
pub(crate) fn live(settings: &Settings, between: impl Fn()) -> Told {
    let mut first = Pod::start(settings);
    let cold = first.serve(WHILE);
    first.serve(STORED);
    first.kill();
    between();

    let mut second = Pod::start(settings);
    let killed = second.serve(WHILE);
    second.stop();
    between();

    let mut third = Pod::start(settings);
    let stopped = third.serve(WHILE);
    third.kill();

    // Alone it would hear the others' registers through Redis; what it does not do is to take them
    // for its own.
    let mut other = Pod::start(&Settings { node: "pod-stranger".to_owned(), ..settings.clone() });
    let stranger = other.serve(WHILE);
    other.kill();
    Told { cold, killed, stopped, stranger }
}

fn check(stores: &str, told: Told) {
    println!(
        "{stores}: failures until protected: cold {}, after a kill {}, after a stop {}, as another node {}; in {} requests \
         {} cold, {} and {} warm",
        told.cold.until_protected,
        told.killed.until_protected,
        told.stopped.until_protected,
        told.stranger.until_protected,
        told.cold.sent,
        told.cold.failed,
        told.killed.failed,
        told.stopped.failed,
    );
    assert!(told.cold.until_protected >= 3, "an outage that does not hurt shows nothing: {told:?}");
    for warm in [told.killed, told.stopped] {
        assert_eq!(warm.until_protected, 0, "it was open before its first request: {told:?}");
        // What passes are probes.
        assert!(warm.failed < told.cold.failed, "{told:?}");
    }
    assert!(told.stranger.until_protected >= 3, "another node's breaker is not its own: {told:?}");
}

fn settings(redis: Option<String>, postgres: Option<String>) -> Settings {
    Settings { node: "pod-1".to_owned(), redis, postgres }
}

pub(crate) async fn over_redis_alone() {
    let redis = Redis::start().unwrap();
    check("redis", live(&settings(Some(redis.url()), None), || {}));
}

pub(crate) async fn over_postgres_alone() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.create_database("one").unwrap();
    check("postgres", live(&settings(None, Some(url)), || {}));
}

pub(crate) async fn over_both() {
    let (redis, postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
    let url = postgres.create_database("one").unwrap();
    check("redis and postgres", live(&settings(Some(redis.url()), Some(url)), || {}));
}

/// What a cache does: it comes back empty. The database remembers.
pub(crate) async fn over_both_when_redis_lost_everything() {
    let (redis, postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
    let url = postgres.create_database("one").unwrap();
    let forget = || drop(redis.command(["FLUSHALL"]).unwrap());
    check("redis, emptied, and postgres", live(&settings(Some(redis.url()), Some(url)), forget));
}

pub(crate) async fn layers_over_real_stores_keep_the_contract() {
    let (redis, postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
    let (redis, postgres) =
        (redis.url(), postgres.create_database("one").map(|url| (url, postgres)).unwrap());
    let number = std::sync::atomic::AtomicU32::new(0);
    let report = contract::run_all(|| {
        let cluster = format!("c{}", number.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let (redis, url) = (redis.clone(), postgres.0.clone());
        let node = move |name: &str| -> Arc<dyn StateProvider> {
            let license = || development::key(Tier::Pro).unwrap();
            let redis =
                RedisClusterProvider::builder().url(&redis).cluster(&cluster).node(name).license(license());
            let postgres = PostgresPersistenceAdapter::builder()
                .url(&url)
                .cluster(&cluster)
                .node(name)
                .license(license());
            let layers: Vec<Arc<dyn StateProvider>> = vec![
                Arc::new(InMemoryProvider::new()),
                Arc::new(redis.build().unwrap()),
                Arc::new(postgres.build().unwrap()),
            ];
            Arc::new(LayeredProvider::new(layers).unwrap())
        };
        let peer = node("b");
        async move { Subject::opened_by(move || node("a"), Time::Real).with_peer(peer) }
    })
    .await;
    report.assert_kept();
}
