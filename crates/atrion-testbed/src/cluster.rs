// SPDX-License-Identifier: Apache-2.0
//! A Redis Cluster of three masters.

use crate::ports::free_port;
use crate::redis::Redis;
use crate::{Reply, ServerError};

/// Three masters with a third of the slots each, and no replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

const SLOTS: u32 = 16_384;

impl RedisCluster {
    /// Starts it, and returns when every node says that the cluster is whole.
    ///
    /// # Errors
    /// [`ServerError`] if a node does not start or the nodes do not find each other.
    pub fn start() -> Result<Self, ServerError> {
        let node = || {
            // The nodes gossip on a second port; it is chosen here, because port + 10000 may not
            // exist.
            let bus = free_port()?.port().to_string();
            Redis::builder()
                .setting("cluster-enabled", "yes")
                .setting("cluster-port", &bus)
                .setting("cluster-node-timeout", "2000")
                .setting("cluster-config-file", "nodes.conf")
                .start()
                .map(|node| (node, bus))
        };
        let nodes = [node()?, node()?, node()?];
        for (index, (node, _)) in (0..).zip(&nodes) {
            let slots = (SLOTS * index / 3)..(SLOTS * (index + 1) / 3);
            let words = ["CLUSTER", "ADDSLOTS"].map(str::to_owned);
            node.command(words.into_iter().chain(slots.map(|slot| slot.to_string())))?;
            for (other, bus) in &nodes {
                let port = other.address().port().to_string();
                node.command(["CLUSTER", "MEET", "127.0.0.1", &port, bus])?;
            }
        }
        let cluster = Self { nodes: nodes.into_iter().map(|(node, _)| node).collect() };
        for node in &cluster.nodes {
            node.keeper().wait_until("the cluster is whole", || {
                let info = node.command(["CLUSTER", "INFO"]);
                let info = info.as_ref().ok().and_then(Reply::text).unwrap_or_default();
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })?;
        }
        Ok(cluster)
    }

    /// The nodes' addresses as URLs.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::tcp_url).collect()
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The nodes, to injure.
    pub fn nodes_mut(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }
}
