// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Settings as plain data.

use std::sync::Arc;
use std::time::Duration;

use atrion_license::Watch;
use atrion_state::{Clock, NodeId, NodeIdError, Sharing};

use super::endpoint::Endpoint;
use super::keys::Keys;
use crate::wire::Key;

/// How often a node speaks, and where (RFC-0007 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncConfig {
    /// What is urgent waits this long at most: 100 ms by default, 10 ms to 2 s. A slow store stretches it.
    pub interval: Duration,
    /// The channel's name, to which the cluster's is added: `atrion:sync` becomes `atrion:sync:{shop/0}`.
    pub channel: String,
    /// The channel is called `channel` and nothing else, as in installations whose ACL or proxy knows only `atrion:sync`.
    /// All clusters of the store then hear each other, and drop what is not theirs. Not in a Redis Cluster, where keys
    /// and channel have to lie in one slot.
    pub exact: bool,
}

impl SyncConfig {
    /// Speaks this often on this channel.
    #[must_use]
    pub fn new(interval: Duration, channel: impl Into<String>) -> Self {
        Self { interval, channel: channel.into(), exact: false }
    }

    /// Whether the channel's name is exactly the given one.
    #[must_use]
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), "atrion:sync")
    }
}

/// What stands behind the urls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Topology {
    /// One server; of several urls the first that answers.
    #[default]
    Standalone,
    /// Sentinels, which know where the master of this name is.
    Sentinel {
        /// The master's name.
        master: String,
    },
    /// Nodes of a Redis Cluster, version 7 or later: messages go over sharded channels.
    Cluster,
}

/// Name and password, never shown.
#[derive(Clone, Default)]
pub(super) struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// Certificates for `rediss://`.
#[derive(Clone, Default)]
pub(super) struct Tls {
    /// Who signs the servers' certificates, in PEM. Without it: the roots that browsers trust.
    pub(super) root: Option<Vec<u8>>,
    /// The client's own certificate and key, in PEM.
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// Everything that was set, checked.
pub(super) struct Settings {
    pub(super) endpoint: Endpoint,
    pub(super) keys: Keys,
    pub(super) key: Option<Key>,
    pub(super) interval: Duration,
    pub(super) node: NodeId,
    pub(super) cluster: String,
    pub(super) license: Watch,
    pub(super) longest_wait: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sharing: Sharing,
}

/// The name that the machine gives, with what cannot stand in a node's name replaced.
pub(super) fn own_name() -> Result<NodeId, NodeIdError> {
    let given = ["ATRION_NODE", "HOSTNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let given = given.map(|name| clean(name.trim())).find(|name| !name.is_empty());
    NodeId::new(&given.unwrap_or_else(|| format!("node-{:012x}", super::seed() & 0xffff_ffff_ffff)))
}

fn clean(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().take(NodeId::MAX_BYTES).map(|c| if fits(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_s_name_becomes_a_node_s() {
        assert_eq!(clean("pod 7/a_b"), "pod-7-a_b");
        assert_eq!(clean(&"ü".repeat(100)).len(), 64);
        assert!(own_name().is_ok());
    }
}
