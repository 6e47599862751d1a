// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What can be set, one call each, and checked once, as a whole.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Direction, Gamma};
use atrion_license::{Sources, Watch};
use atrion_state::{Clock, NodeId, Sharing, SystemClock, TenantSecret};
use sha2::{Digest as _, Sha256};

use super::config::{Login, RedisConfig, SyncConfig, Topology, own_name};
use super::endpoint::Endpoint;
use super::keys::Keys;
use super::shared::{Settings, Shared};
use super::{NAME, seed};
use crate::credentials::{CredentialSource, Source};
use crate::settings::{ConfigError, SettingsFault};
use crate::wire::Key;

/// Builds a [`RedisClusterProvider`](super::RedisClusterProvider). `Debug` shows no secret: neither
/// a password, also not one in a url, nor a key.
///
/// ```
/// use std::time::Duration;
///
/// use atrion_cluster::redis::{RedisClusterProvider, SyncConfig};
///
/// let provider = RedisClusterProvider::builder()
///     .url("redis://redis.internal:6379")
///     .cluster("shop")
///     .sync(SyncConfig::new(Duration::from_millis(100), "atrion:sync"))
///     .gamma(0.3)
///     .build()?; // it connects when the instance does
/// # drop(provider);
///
/// // All that is wrong comes at once, with its field.
/// let refused = RedisClusterProvider::builder().url("http://redis.internal").gamma(1.5).build();
/// let fields: Vec<_> = refused.unwrap_err().faults().iter().map(|fault| fault.field).collect();
/// assert_eq!(fields, ["url", "gamma"]);
/// # Ok::<(), atrion_cluster::redis::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct RedisClusterBuilder {
    config: RedisConfig,
    license: Option<Watch>,
    credentials: Source,
    clock: Arc<dyn Clock>,
}

impl Default for RedisClusterBuilder {
    fn default() -> Self {
        let (config, credentials) = (RedisConfig::default(), Source::default());
        Self { config, license: None, credentials, clock: Arc::new(SystemClock) }
    }
}

impl RedisClusterBuilder {
    /// All settings at once.
    pub fn config(mut self, config: RedisConfig) -> Self {
        self.config = config;
        self
    }

    /// The server: `redis://`, `rediss://` for TLS, `unix://`; with several urls, any of them will
    /// do. A name and a password in a url count before [`user`](Self::user) and
    /// [`password`](Self::password).
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.config.urls.push(url.into());
        self
    }

    /// Several urls: sentinels, or nodes of a Redis Cluster.
    pub fn urls<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.config.urls.extend(urls.into_iter().map(Into::into));
        self
    }

    /// What stands behind the urls: one server by default.
    pub fn topology(mut self, topology: Topology) -> Self {
        self.config.topology = topology;
        self
    }

    /// How often a node speaks, and where.
    pub fn sync(mut self, sync: SyncConfig) -> Self {
        self.config.sync = sync;
        self
    }

    /// The weight of the fleet against the node itself: 0 trusts the node alone, 0.3 is the
    /// default, 1 trusts the fleet alone. It decides what a node makes of what it hears, never what
    /// it says.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.config.gamma = gamma;
        self
    }

    /// Which way the fleet may move a node: both by default. [`Direction::RaiseOnly`] is
    /// recommended for production.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.config.direction = direction;
        self
    }

    /// Whether a node with little evidence of its own listens more to its fleet: it does by
    /// default.
    pub fn epistemic(mut self, epistemic: bool) -> Self {
        self.config.epistemic = epistemic;
        self
    }

    /// The license: a `License`, the result of `License::from_env()`, a `LicenseKey`, or `Sources`.
    /// By default the standard sources are read.
    pub fn license(mut self, license: impl Into<Watch>) -> Self {
        self.license = Some(license.into());
        self
    }

    /// What every key in the store begins with: `atrion` by default.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.config.namespace = namespace.into();
        self
    }

    /// The cluster's name: nodes of one name share what they learn. `default` by default.
    pub fn cluster(mut self, cluster: impl Into<String>) -> Self {
        self.config.cluster = cluster.into();
        self
    }

    /// This node's name: stable over restarts, and no other living process's. By default
    /// `ATRION_NODE`, else `HOSTNAME` (a pod's name in Kubernetes), else a random one, which
    /// remembers nothing from life to life.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.config.node = Some(node.into());
        self
    }

    /// A key that the whole fleet shares, 16 bytes or more: then only what is signed with it is
    /// listened to.
    pub fn hmac_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.config.hmac_key = Some(key.into());
        self
    }

    /// The name to log in with.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.config.login.user = Some(user.into());
        self
    }

    /// The password to log in with.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.config.login.password = Some(password.into());
        self
    }

    /// Where to ask for name, password and client's certificate before each connection: for
    /// passwords that are rotated, tokens that end and certificates that are renewed. What it gives
    /// counts before what a url and [`password`](Self::password) say; sentinels are asked with
    /// [`sentinel_login`](Self::sentinel_login).
    pub fn credentials(mut self, source: impl CredentialSource) -> Self {
        self.credentials = Source::new(source);
        self
    }

    /// The name and password to log in to sentinels with, if they ask for one.
    pub fn sentinel_login(mut self, user: Option<String>, password: impl Into<String>) -> Self {
        self.config.sentinel_login = Login { user, password: Some(password.into()) };
        self
    }

    /// What signs the servers' certificates, in PEM. Without it: the roots that browsers trust.
    pub fn tls_root(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.config.tls.root = Some(pem.into());
        self
    }

    /// The client's own certificate and key in PEM, for servers that ask for one.
    pub fn tls_client(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.config.tls.client_certificate = Some(certificate.into());
        self.config.tls.client_key = Some(key.into());
        self
    }

    /// How long a store that does not answer is left alone at most: 10 s by default, 100 ms to 5
    /// min. The wait is random, from nothing to a bound that doubles with each failure up to this
    /// one.
    pub fn longest_wait(mut self, wait: Duration) -> Self {
        self.config.longest_wait = wait;
        self
    }

    /// The clock that ages are counted by: the machine's by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks everything. All that is wrong is in the error.
    pub(super) fn check(self) -> Result<Shared, ConfigError> {
        let Self { config, license, credentials, clock } = self;
        let mut faults = Vec::new();
        let endpoint = Endpoint::new(&config, credentials, &mut faults);
        let gamma = Gamma::new(config.gamma)
            .inspect_err(|error| faults.push(SettingsFault::new("gamma", error)))
            .ok();
        let keys = Keys::new(&config, &mut faults);
        if config.sync.exact && config.topology == Topology::Cluster {
            let problem = "does not go with a Redis Cluster, whose channels lie in the slot of their keys: leave it out";
            faults.push(SettingsFault::new("sync.exact", problem));
        }
        let range = Duration::from_millis(10)..=Duration::from_secs(2);
        if !range.contains(&config.sync.interval) {
            let got = format!("must be 10 ms to 2 s, got {:?}: 100 ms is recommended", config.sync.interval);
            faults.push(SettingsFault::new("sync.interval", got));
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(300)).contains(&config.longest_wait) {
            let got = format!("must be 100 ms to 5 min, got {:?}: 10 s is recommended", config.longest_wait);
            faults.push(SettingsFault::new("longest_wait", got));
        }
        let node = config.node.as_ref().map_or_else(|| own_name(seed()), |node| NodeId::new(node));
        let node = node.inspect_err(|error| faults.push(SettingsFault::new("node", error))).ok();
        let key = config.hmac_key.as_ref().map(|key| Key::new(key)).transpose();
        let key = key.inspect_err(|error| faults.push(SettingsFault::new("hmac_key", error))).ok();
        match (endpoint, gamma, keys, node, key) {
            (Some(endpoint), Some(gamma), Some(keys), Some(node), Some(key)) if faults.is_empty() => {
                let sharing =
                    Sharing::new(gamma).with_direction(config.direction).with_epistemic(config.epistemic);
                let sharing = sharing.with_tenants(tenants_secret(&config, key.as_ref()));
                let license = license.unwrap_or_else(|| Watch::from(Sources::standard()));
                Ok(Shared::new(Settings { config, endpoint, keys, key, node, sharing, license, clock }))
            }
            _ => Err(ConfigError::new(NAME, faults)),
        }
    }
}

/// What the nodes of a fleet hash tenants' names with. Without a key it is no secret for those that
/// know what the fleet is called: they can tell the number of a name that they guess.
fn tenants_secret(config: &RedisConfig, key: Option<&Key>) -> TenantSecret {
    let of = format!("tenants:{}:{}", config.namespace, config.cluster);
    TenantSecret::new(match key {
        Some(key) => key.derive(of.as_bytes()),
        None => {
            let digest = Sha256::digest(of.as_bytes());
            std::array::from_fn(|at| digest[at])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::RedisClusterProvider;
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_field() {
        let wrong = RedisClusterProvider::builder()
            .url("http://admin:hunter2@host/x")
            .url("rediss://:hunter2@host/#insecure")
            .gamma(1.5)
            .sync(SyncConfig::new(Duration::from_millis(1), "a*b"))
            .namespace("")
            .cluster("{x}")
            .node("pod/7")
            .hmac_key(*b"hunter2")
            .longest_wait(Duration::ZERO);
        let error = wrong.build().unwrap_err();
        let fields: Vec<_> = error.faults().iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "url",
                "url",
                "gamma",
                "namespace",
                "cluster",
                "sync.channel",
                "sync.interval",
                "longest_wait",
                "node",
                "hmac_key"
            ]
        );
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2") && !text.contains("admin"), "{text}");
        assert!(text.contains("http://host/x is none of redis://, rediss://, unix://"), "{text}");
        let nothing = RedisClusterProvider::builder().build().unwrap_err();
        assert!(
            nothing.to_string().contains("provider `redis` is invalid: `url` is missing: give the store's"),
            "{nothing}"
        );
    }

    #[test]
    fn certificates_are_checked_before_anything_is_connected() {
        let builder = |url: &str| RedisClusterProvider::builder().node("one").url(url);
        let unused = builder("redis://localhost").tls_client("x", "y").build().unwrap_err();
        assert!(unused.to_string().contains("no url is rediss://"), "{unused}");
        let root = builder("rediss://localhost").tls_root("no certificate").build().unwrap_err();
        assert!(root.to_string().contains("`tls_root` holds no certificate"), "{root}");
        let client = builder("rediss://localhost").tls_client("x", "y").build().unwrap_err();
        assert!(client.to_string().contains("`tls` certificates are refused"), "{client}");
        assert!(RedisClusterProvider::builder().node("one").url("rediss://localhost").build().is_ok());
    }

    #[test]
    fn nothing_secret_is_shown() {
        let builder = RedisClusterProvider::builder()
            .url("redis://atrion:hunter2@host:6379")
            .url("unix:///run/redis.sock?pass=hunter2")
            .password("hunter2")
            .sentinel_login(None, "hunter2")
            .hmac_key(*b"hunter2 hunter2 hunter2")
            .tls_client("hunter2", "hunter2");
        let shown = format!("{builder:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("redis://host:6379"), "{shown}");
        let provider =
            RedisClusterProvider::builder().node("a").url("redis://u:hunter2@host").build().unwrap();
        let shown = format!("{provider:?}");
        assert!(!shown.contains("hunter2") && shown.contains("host:6379"), "{shown}");
    }
}
