// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the adapter can be told, as plain data. The builder checks it.

use std::fmt;
use std::time::Duration;

use atrion_core::{Direction, Gamma};
use atrion_state::{NodeId, NodeIdError};

use crate::fleet::LinkConfig;
use crate::settings::machine_names;

/// The settings of a [`RedisClusterProvider`](super::RedisClusterProvider). Plain data, checked
/// when the provider is built. With the feature `serde` it can be read from any format, with spans
/// in seconds and keys and certificates as text; it cannot be written, because it holds secrets.
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct RedisConfig {
    /// The servers: `redis://`, `rediss://` for TLS, `unix://`. A name and a password in a url
    /// count before [`login`](Self::login). Never shown with what is secret in them.
    pub urls: Vec<String>,
    /// What stands behind the urls: one server by default.
    pub topology: Topology,
    /// How often a node speaks, and where.
    pub sync: SyncConfig,
    /// The weight of the fleet against the node itself, in 0..=1: 0.3 by default.
    pub gamma: f64,
    /// Which way the fleet may move a node: both by default.
    pub direction: Direction,
    /// Whether a node with little evidence of its own listens more to its fleet: it does by
    /// default.
    pub epistemic: bool,
    /// What every key in the store begins with, `atrion`: 1..=64 of `A-Z a-z 0-9 . _ -`.
    pub namespace: String,
    /// The cluster's name, `default`: 1..=64 of `A-Z a-z 0-9 . _ -`. Nodes of one name share what
    /// they learn.
    pub cluster: String,
    /// This node's name: stable over restarts, and no other living process's. Without one:
    /// `ATRION_NODE`, else `HOSTNAME`, else a random one, which remembers nothing from life to
    /// life.
    pub node: Option<String>,
    /// A key that the whole fleet shares, 16 bytes or more: then only what is signed with it is
    /// listened to. Never shown.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "text"))]
    pub hmac_key: Option<Vec<u8>>,
    /// The name and password to log in with.
    pub login: Login,
    /// The name and password to log in to sentinels with.
    pub sentinel_login: Login,
    /// Certificates for `rediss://`.
    pub tls: TlsConfig,
    /// How long a store that does not answer is left alone at most: 10 s by default, 100 ms to 5
    /// min.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::settings::seconds"))]
    pub longest_wait: Duration,
}

impl Default for RedisConfig {
    /// No url, and what the fields say.
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            topology: Topology::default(),
            sync: SyncConfig::default(),
            gamma: Gamma::RECOMMENDED.get(),
            direction: Direction::default(),
            epistemic: true,
            namespace: "atrion".to_owned(),
            cluster: "default".to_owned(),
            node: None,
            hmac_key: None,
            login: Login::default(),
            sentinel_login: Login::default(),
            tls: TlsConfig::default(),
            longest_wait: LinkConfig::default().longest_backoff,
        }
    }
}

/// Shows no password, also not one in a url, and no key.
impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| shown(url)).collect();
        f.debug_struct("RedisConfig")
            .field("urls", &urls)
            .field("topology", &self.topology)
            .field("sync", &self.sync)
            .field("gamma", &self.gamma)
            .field("direction", &self.direction)
            .field("epistemic", &self.epistemic)
            .field("namespace", &self.namespace)
            .field("cluster", &self.cluster)
            .field("node", &self.node)
            .field("login", &self.login)
            .field("longest_wait", &self.longest_wait)
            .finish_non_exhaustive()
    }
}

/// How often a node speaks, and where (RFC-0007 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct SyncConfig {
    /// What is urgent waits this long at most: 100 ms by default, 10 ms to 2 s. A slow store
    /// stretches it.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::settings::seconds"))]
    pub interval: Duration,
    /// The channel's name, to which the cluster's is added: `atrion:sync` becomes
    /// `atrion:sync:{shop/0}`.
    pub channel: String,
    /// The channel is called `channel` and nothing else, as in installations whose ACL or proxy
    /// knows only `atrion:sync`. All clusters of the store then hear each other, and drop what is
    /// not theirs. Not in a Redis Cluster, where keys and channel have to lie in one slot.
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
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
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

/// Name and password. The password is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Login {
    /// The name in the server's ACL; without one, the server's default user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Certificates for `rediss://`, in PEM.
#[derive(Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct TlsConfig {
    /// What signs the servers' certificates. Without it: the roots that browsers trust.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "text"))]
    pub root: Option<Vec<u8>>,
    /// The client's own certificate, for servers that ask for one.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "text"))]
    pub client_certificate: Option<Vec<u8>>,
    /// The key of that certificate. Never shown.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "text"))]
    pub client_key: Option<Vec<u8>>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (root, client) = (self.root.is_some(), self.client_certificate.is_some());
        f.debug_struct("TlsConfig").field("root", &root).field("client", &client).finish_non_exhaustive()
    }
}

/// The name that the machine gives, with what cannot stand in a node's name replaced; `random`
/// makes one up where it gives none.
pub(super) fn own_name(random: u64) -> Result<NodeId, NodeIdError> {
    name_among(machine_names(), random)
}

fn name_among(names: impl Iterator<Item = String>, random: u64) -> Result<NodeId, NodeIdError> {
    let given = names.map(|name| clean(name.trim())).find(|name| !name.is_empty());
    NodeId::new(&given.unwrap_or_else(|| {
        let name = format!("node-{:012x}", random & 0xffff_ffff_ffff);
        tracing::warn!(name: "atrion.node.unnamed", target: "atrion", node = name, "this node has no name of its own, so it will find nothing of its state after a restart: set `node`, or ATRION_NODE");
        name
    }))
}

fn clean(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().take(NodeId::MAX_BYTES).map(|c| if fits(c) { c } else { '-' }).collect()
}

/// Bytes that stand as text in a configuration file.
#[cfg(feature = "serde")]
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = <Option<String> as serde::Deserialize>::deserialize(deserializer)?;
    Ok(text.map(String::into_bytes))
}

/// A url without what is secret in it: everything between the scheme and the host, and every
/// parameter.
pub(super) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let rest: String = rest.chars().take(128).filter(|c| !c.is_control()).collect();
    if scheme.is_empty() && !url.contains("://") {
        // Not a url at all: it may be a password that was put into the wrong field.
        return "the text given".to_owned();
    }
    let scheme: String = scheme.chars().take(16).filter(char::is_ascii_alphanumeric).collect();
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use atrion_testkit::Lines;

    use super::*;

    #[test]
    fn a_machine_s_name_becomes_a_node_s() {
        assert_eq!(clean("pod 7/a_b"), "pod-7-a_b");
        assert_eq!(clean(&"ü".repeat(100)).len(), 64);
        assert!(own_name(7).is_ok());
    }

    #[test]
    fn a_name_that_was_made_up_is_warned_of() {
        for (given, is_warned) in [(vec!["pod-7"], false), (vec![], true)] {
            let lines = Lines::default();
            let _kept = lines.keep();
            let node = name_among(given.into_iter().map(str::to_owned), 7).unwrap();
            let warnings = lines.take();
            assert_eq!(warnings.len(), usize::from(is_warned), "{node}");
            assert!(warnings.iter().all(|line| line.starts_with("atrion.node.unnamed")), "{warnings:?}");
        }
    }

    #[test]
    fn a_url_is_shown_without_what_is_secret() {
        for (url, safe) in [
            ("redis://user:p%40ss@host:6379/0", "redis://host:6379/0"),
            ("rediss://:a@b@host", "rediss://host"),
            ("unix:///run/redis.sock?pass=hunter2", "unix:///run/redis.sock"),
            ("hunter2", "the text given"),
            ("user:hunter2@host", "the text given"),
        ] {
            assert_eq!(shown(url), safe);
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_configuration_is_read_from_text_and_refused_with_its_field() {
        let read = |text: &str| serde_json::from_str::<RedisConfig>(text);
        let config = read(
            r#"{"urls": ["redis://host"], "topology": {"sentinel": {"master": "m"}}, "longest_wait": 1.5,
                "sync": {"interval": 0.2}, "direction": "raise_only", "hmac_key": "sixteen bytes or more"}"#,
        )
        .unwrap();
        assert_eq!(config.topology, Topology::Sentinel { master: "m".into() });
        assert_eq!(
            (config.longest_wait, config.sync.interval),
            (Duration::from_millis(1_500), Duration::from_millis(200))
        );
        assert_eq!((config.sync.channel.as_str(), config.direction), ("atrion:sync", Direction::RaiseOnly));
        assert!(config.hmac_key.is_some_and(|key| key.len() == 21));
        assert!(read(r#"{"url": "redis://host"}"#).unwrap_err().to_string().contains("unknown field `url`"));
        assert!(read(r#"{"longest_wait": -1}"#).is_err());
    }
}
