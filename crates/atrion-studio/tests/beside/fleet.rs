// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Nodes as a service has them: an engine over memory, Redis and PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use atrion_cluster::LayeredProvider;
use atrion_cluster::postgres::PostgresPersistenceAdapter;
use atrion_cluster::redis::RedisClusterProvider;
use atrion_engine::Atrion;
use atrion_license::development;
use atrion_state::{InMemoryProvider, StateProvider};

/// A node of the fleet `shop`.
pub(crate) async fn node(name: &str, redis: &str, postgres: &str) -> Atrion {
    let license = || development::key(atrion_license::Tier::Pro).unwrap();
    let shared = RedisClusterProvider::builder().url(redis).cluster("shop").node(name).license(license());
    let durable = PostgresPersistenceAdapter::builder().url(postgres).cluster("shop").node(name);
    let durable = durable.write_behind(Duration::from_secs(1)).license(license());
    let layers: Vec<Arc<dyn StateProvider>> = vec![
        Arc::new(InMemoryProvider::new()),
        Arc::new(shared.build().unwrap()),
        Arc::new(durable.build().unwrap()),
    ];
    let provider: Arc<dyn StateProvider> = Arc::new(LayeredProvider::new(layers).unwrap());
    Atrion::builder().shared_provider(provider).connect().await.unwrap()
}
