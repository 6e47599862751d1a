// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a license changes, and what it does not.

use std::sync::Arc;

use atrion_cluster::redis::{BuildError, RedisClusterProvider};
use atrion_core::Tier as Importance;
use atrion_engine::Atrion;
use atrion_license::{LicenseId, Sources, Tier, development};
use atrion_state::{Event, Health, LicenseState, StateProvider};
use atrion_testbed::Redis;
use atrion_testkit::RecordingObserver;

use super::support::{eventually, route, vector};

pub async fn without_a_license_the_store_is_never_touched() {
    let redis = Redis::start().unwrap();
    let nowhere = || Sources::file("/nowhere/license.key");
    let builder = || RedisClusterProvider::builder().url(redis.url()).node("one").license(nowhere());
    assert!(matches!(builder().build_strict(), Err(BuildError::License(_))));
    let provider = Arc::new(builder().build().unwrap());
    let heard = RecordingObserver::new();
    let atrion = Atrion::builder()
        .shared_provider(Arc::clone(&provider) as _)
        .observer(Arc::new(heard.clone()))
        .connect()
        .await
        .unwrap();
    // Admission is alive, and state is kept as long as the process lives.
    assert!(atrion.route("a").admit(Importance::Normal).is_ok());
    provider.update_vector(route("b"), vector(30.0)).await.unwrap();
    assert!(provider.get_vector(&route("b")).await.unwrap().is_some());
    assert_eq!(provider.get_vector(&route("c")).await.unwrap(), None);
    assert!(!provider.is_licensed() && provider.sharing().is_none());
    eventually(
        "it is said",
        || matches!(provider.health(), Health::Degraded { reason } if reason.contains("without a license")),
    )
    .await;
    eventually("observers are told", || {
        heard.events().iter().any(|event| matches!(event, Event::LicenseChanged { .. }))
    })
    .await;
    assert_eq!(
        provider.stats()[0].license.as_ref().map(|license| license.state),
        Some(LicenseState::Invalid)
    );
    atrion.shutdown().await;
    let keys = redis.command(["DBSIZE"]).unwrap();
    assert_eq!(format!("{keys:?}"), "Number(0)");
}

pub async fn clusters_above_the_limit_are_counted_and_nothing_else() {
    let redis = Redis::start().unwrap();
    // A starter license is for one cluster. It is this test's own: others of the process count on
    // theirs.
    let id = LicenseId::from_parts(1_767_225_600_000, *b"one-clustr");
    let mut terms = development::terms(Tier::Starter);
    terms.id = id.clone();
    let key = development::signing_key().issue(&terms).unwrap();
    let builder = RedisClusterProvider::builder().url(redis.url()).node("one").cluster("mine").license(key);
    // A cluster that was last seen two days ago, and one of another process.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (register, old) = (format!("atrion:license:{id}"), (now - 200_000).to_string());
    redis.command(["HSET", &register, "forgotten", &old, "elsewhere", &now.to_string()]).unwrap();
    let provider = builder.build().unwrap();
    provider.connect().await.unwrap();
    eventually("both clusters are counted", || provider.licensed_clusters() == (2, 1)).await;
    assert!(provider.health().is_up() && provider.is_licensed());
    let names = redis.command(["HKEYS", &register]).unwrap();
    let mut names: Vec<_> = names.list().iter().filter_map(|name| name.text()).collect();
    names.sort_unstable();
    assert_eq!(names, ["elsewhere", "mine"]);
}
