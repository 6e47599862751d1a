// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What can be set, one call each, and checked once, as a whole.

use std::sync::Arc;
use std::time::Duration;

use atrion_license::{Sources, Watch};
use atrion_state::{Clock, NodeId, SystemClock};

use super::NAME;
use super::config::{PostgresConfig, Retention, options};
use super::login::Login;
use super::shared::{Settings, Shared};
use crate::credentials::{CredentialSource, Source};
use crate::settings::{ConfigError, SettingsFault};

/// Builds a [`PostgresPersistenceAdapter`](super::PostgresPersistenceAdapter).
///
/// ```
/// use std::time::Duration;
///
/// use atrion_cluster::postgres::PostgresPersistenceAdapter;
///
/// let store = PostgresPersistenceAdapter::builder()
///     .url("postgres://atrion_app@db.internal/atrion?sslmode=verify-full")
///     .cluster("shop")
///     .node("pod-0") // the same after a restart
///     .write_behind(Duration::from_secs(10))
///     .build()?; // it connects when the instance does
/// # drop(store);
///
/// // What is wrong comes with its field.
/// let refused = PostgresPersistenceAdapter::builder().url("mysql://db.internal").build();
/// assert_eq!(refused.unwrap_err().faults()[0].field, "url");
/// # Ok::<(), atrion_cluster::postgres::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct PostgresBuilder {
    config: PostgresConfig,
    license: Option<Watch>,
    credentials: Source,
    clock: Arc<dyn Clock>,
}

impl Default for PostgresBuilder {
    fn default() -> Self {
        let (config, credentials) = (PostgresConfig::default(), Source::default());
        Self { config, license: None, credentials, clock: Arc::new(SystemClock) }
    }
}

impl PostgresBuilder {
    /// All settings at once.
    pub fn config(mut self, config: PostgresConfig) -> Self {
        self.config = config;
        self
    }

    /// `postgres://role:password@host:5432/database?sslmode=verify-full`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.config.url = url.into();
        self
    }

    /// The fleet that this node belongs to: `default` by default.
    pub fn cluster(mut self, cluster: impl Into<String>) -> Self {
        self.config.cluster = cluster.into();
        self
    }

    /// This node's name, the same after a restart. By default `ATRION_NODE`, else `HOSTNAME`.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.config.node = node.into();
        self
    }

    /// How often changed vectors are written: 10 s.
    pub fn write_behind(mut self, interval: Duration) -> Self {
        self.config.write_behind = interval;
        self
    }

    /// Whether the role may make and change the schema: yes.
    pub fn migrate(mut self, migrate: bool) -> Self {
        self.config.migrate = migrate;
        self
    }

    /// Whether a pooler gives each transaction another connection: no.
    pub fn pooled(mut self, pooled: bool) -> Self {
        self.config.pooled = pooled;
        self
    }

    /// How long history is kept: samples for 7 days, changes of modes for 90.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.config.retention = retention;
        self
    }

    /// The license: a [`License`](atrion_license::License), a key, sources, or a `Result` of those.
    /// By default the standard sources are read.
    pub fn license(mut self, license: impl Into<Watch>) -> Self {
        self.license = Some(license.into());
        self
    }

    /// Where to ask for name, password and client's certificate before each connection: for
    /// passwords that are rotated, tokens that end and certificates that are renewed. What it gives
    /// counts before the url.
    pub fn credentials(mut self, source: impl CredentialSource) -> Self {
        self.credentials = Source::new(source);
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks everything. All that is wrong is in the error.
    pub(super) fn check(self) -> Result<Shared, ConfigError> {
        let Self { config, license, credentials, clock } = self;
        let mut faults = Vec::new();
        let mut fault = |field, problem: String| faults.push(SettingsFault::new(field, problem));
        let options = options(&config.url).map_err(|reason| fault("url", reason)).ok();
        let length = config.cluster.chars().count();
        if !(1..=128).contains(&length) || config.cluster.chars().any(char::is_control) {
            fault(
                "cluster",
                format!("must have 1..=128 characters without control characters, got {length}"),
            );
        }
        let node = NodeId::new(&config.node).map_err(|error| fault("node", error.to_string())).ok();
        let mut span = |field, value: Duration, least: Duration, most: Duration| {
            if !(least..=most).contains(&value) {
                fault(field, format!("must lie in {least:?}..={most:?}, got {value:?}"));
            }
        };
        let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
        span("write_behind", config.write_behind, millis(100), seconds(3_600));
        span("statement_timeout", config.statement_timeout, millis(10), seconds(60));
        span("connect_timeout", config.connect_timeout, millis(10), seconds(60));
        if !(1..=1_000_000).contains(&config.routes) {
            fault("routes", format!("must lie in 1..=1000000, got {}", config.routes));
        }
        for (field, days) in [
            ("history_days", config.retention.history_days),
            ("transition_days", config.retention.transition_days),
        ] {
            if !(1..=3_650).contains(&days) {
                fault(field, format!("must lie in 1..=3650, got {days}"));
            }
        }
        match (node, options) {
            (Some(node), Some(options)) if faults.is_empty() => {
                let license = license.unwrap_or_else(|| Watch::from(Sources::standard()));
                let login = Login::new(options, credentials);
                Ok(Shared::new(Settings { config, login, node, license, clock }))
            }
            _ => Err(ConfigError::new(NAME, faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> PostgresConfig {
        PostgresConfig {
            url: "postgres://role:hunter2@host/db".into(),
            cluster: "shop".into(),
            node: "pod-1".into(),
            ..PostgresConfig::default()
        }
    }

    fn check(config: PostgresConfig) -> Result<Shared, ConfigError> {
        PostgresBuilder::default().config(config).license(Sources::file("/nowhere/license.key")).check()
    }

    #[test]
    fn all_faults_come_at_once_with_their_fields() {
        assert!(check(valid()).is_ok());
        let wrong = PostgresConfig {
            url: "postgres://role:hunter2@[host/db".into(),
            cluster: String::new(),
            node: "no spaces".into(),
            write_behind: Duration::ZERO,
            statement_timeout: Duration::from_secs(100),
            connect_timeout: Duration::ZERO,
            routes: 0,
            retention: Retention::days(0, 5_000),
            ..valid()
        };
        let error = check(wrong).unwrap_err();
        let fields: Vec<_> = error.faults().iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "url",
                "cluster",
                "node",
                "write_behind",
                "statement_timeout",
                "connect_timeout",
                "routes",
                "history_days",
                "transition_days"
            ]
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
