// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Providers with a license, and waiting for what has to come.

use std::time::{Duration, Instant};

use atrion_cluster::redis::{RedisClusterBuilder, RedisClusterProvider};
use atrion_core::{Mode, Ohms};
use atrion_license::{Tier, development};
use atrion_state::{DecayRate, PhysicsVector, RouteId, StateProvider, Weight};

/// Generous, because other things run on the machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a user of the adapter needs, and nothing more.
pub const ACL: &str = "ACL SETUSER atrion on >pw resetkeys resetchannels ~atrion:* &atrion:sync:* -@all +hset +hget \
    +hgetall +hdel +pexpire +pttl +sadd +srem +smembers +unlink +publish +subscribe +unsubscribe +spublish +ssubscribe \
    +sunsubscribe +multi +exec +discard +ping +hello +auth +echo +select +client|setname +cluster|slots +cluster|shards";

pub fn builder(node: &str, url: &str) -> RedisClusterBuilder {
    let key = development::key(Tier::Enterprise).unwrap();
    RedisClusterProvider::builder().url(url).node(node).license(key)
}

pub fn provider(node: &str, url: &str) -> RedisClusterProvider {
    builder(node, url).build().unwrap()
}

pub fn route(name: &str) -> RouteId {
    RouteId::new(name).unwrap()
}

pub fn vector(scar: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0), Ohms::saturating(scar))
        .with_weight(Weight::from_255ths(200))
        .with_decay_rate(DecayRate::saturating(0.02))
}

/// What a node sees of a route: of how many nodes, and the sum of their scars.
pub fn seen(provider: &dyn StateProvider, on: &str) -> (usize, f64) {
    let view = provider.view(&route(on));
    (view.len(), view.iter().map(|register| register.vector.aged_scar().get()).sum())
}

/// Waits until something holds, and says how long that took.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}
