// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Tenants of a fleet over a real store: each node says its heaviest, under a name that all nodes
//! agree on and that is not the tenant's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use atrion_cluster::redis::RedisClusterProvider;
use atrion_core::{Priority, Tier};
use atrion_engine::{Atrion, Config, OwnedPermit, RouteConfig, tenant_of};
use atrion_state::StateProvider;
use atrion_testbed::Redis;

use super::support::{builder, eventually, route};

const SHARED: &str = "shared";
const NODES: usize = 3;

struct Node {
    atrion: Atrion,
    provider: Arc<RedisClusterProvider>,
    _busy: OwnedPermit,
}

impl Node {
    async fn start(redis: &Redis, number: usize) -> Self {
        let builder = builder(&format!("node-{number}"), &redis.url()).hmac_key(*b"sixteen bytes, or more");
        let provider = Arc::new(builder.build().unwrap());
        let shared = Arc::clone(&provider) as _;
        // One call at a time, and that is under way: every other request meets contention.
        let config = Config::default().route(SHARED, RouteConfig::default().cap(1));
        let atrion = Atrion::builder().config(config).shared_provider(shared).connect().await.unwrap();
        let busy = atrion.route(SHARED).admit_owned(Tier::Normal).unwrap();
        Self { atrion, provider, _busy: busy }
    }

    /// One request of a tenant of this node, and two of one that is at all of them.
    fn ask(&self, number: usize) {
        for name in ["everywhere", "everywhere", &format!("only-at-{number}")] {
            drop(self.atrion.route(SHARED).admit(Priority::tier(Tier::Normal).tenant(tenant_of(name))));
        }
    }

    /// What each other node says of its tenants.
    fn hears(&self) -> Vec<BTreeSet<u32>> {
        let view = self.provider.view(&route(SHARED));
        view.iter().map(|register| register.vector.tenants.units().map(|(word, _)| word).collect()).collect()
    }
}

pub async fn nodes_know_each_other_s_heaviest_tenants_by_one_name() {
    let redis = Redis::start().unwrap();
    let mut nodes = Vec::new();
    for number in 0..NODES {
        nodes.push(Node::start(&redis, number).await);
    }
    let told = eventually("every node hears of both tenants of every other", || {
        nodes.iter().enumerate().for_each(|(number, node)| node.ask(number));
        let heard: Vec<_> = nodes.iter().flat_map(Node::hears).collect();
        let common = heard.iter().cloned().reduce(|one, other| &one & &other).unwrap_or_default();
        let both = heard.len() == NODES * (NODES - 1) && heard.iter().all(|words| words.len() == 2);
        both && common.len() == 1
    });
    let told = told.await;
    let forgotten = eventually("what nobody asks for any more is said no more", || {
        nodes.iter().all(|node| node.hears().iter().all(BTreeSet::is_empty))
    });
    println!("told after {told:?}, forgotten after {:?}", forgotten.await);
    for Node { atrion, .. } in nodes {
        atrion.shutdown().await;
    }
}
