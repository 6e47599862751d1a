// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a node of a fleet has to know about itself, and how often it speaks.

use std::time::Duration;

use atrion_state::{NodeId, RegisterSetLimits};

use crate::wire::ClusterHash;

/// The settings of a [`Fleet`](super::Fleet). Plain data: code that takes them from outside checks
/// them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FleetConfig {
    /// The fleet this node belongs to.
    pub cluster: ClusterHash,
    /// This node's name; one living process at a time should have it.
    pub node: NodeId,
    /// The shard that all routes belong to.
    pub shard: u16,
    /// A fingerprint of the settings that nodes should share. Nodes that differ say so, and merge
    /// all the same.
    pub cfg: u32,
    /// Messages are signed with the fleet's key, so that a node can prove that it lives. Without,
    /// anybody can be any node.
    pub signed: bool,
    /// The urgent lane speaks this often at most: 100 ms.
    pub pulse: Duration,
    /// The lazy lane speaks this often, and a node that is heard of is alive: 1 s. Large fleets
    /// stretch it by themselves.
    pub heartbeat: Duration,
    /// How many routes this node holds of its own: 4,096, as many as its peers hold of one node.
    /// Beyond, neutral ones are forgotten first.
    pub routes: usize,
    /// How much of its peers it holds.
    pub limits: RegisterSetLimits,
}

impl FleetConfig {
    /// The defaults, for this node of this fleet.
    #[must_use]
    pub fn new(cluster: ClusterHash, node: NodeId) -> Self {
        let limits = RegisterSetLimits::default();
        Self {
            cluster,
            node,
            shard: 0,
            cfg: 0,
            signed: false,
            pulse: Duration::from_millis(100),
            heartbeat: Duration::from_secs(1),
            routes: limits.routes_per_node,
            limits,
        }
    }
}
