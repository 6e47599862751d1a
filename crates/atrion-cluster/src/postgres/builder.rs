// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! From settings and a licence to an adapter.

use std::sync::Arc;
use std::time::Duration;

use atrion_license::{Feature, Sources, Watch};
use atrion_state::{Clock, SystemClock};

use super::error::NAME;
use super::shared::Shared;
use super::{BuildError, ConfigError, PostgresConfig, PostgresPersistenceAdapter, Retention};
use crate::license_gate::LicenseGate;

/// Builds a [`PostgresPersistenceAdapter`].
#[derive(Debug)]
#[must_use]
pub struct PostgresBuilder {
    config: PostgresConfig,
    license: Option<Watch>,
    clock: Arc<dyn Clock>,
}

impl PostgresBuilder {
    pub(super) fn new() -> Self {
        Self { config: PostgresConfig::default(), license: None, clock: Arc::new(SystemClock) }
    }

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

    /// The licence: a [`License`](atrion_license::License), a key, sources, or a `Result` of those. Where it is not
    /// said, the standard sources are looked at.
    pub fn license(mut self, license: impl Into<Watch>) -> Self {
        self.license = Some(license.into());
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The adapter. Without a licence it keeps state in memory, and says so in the log.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub fn build(self) -> Result<PostgresPersistenceAdapter, ConfigError> {
        let (node, options) = self.config.check()?;
        let watch = self.license.unwrap_or_else(|| Watch::from(Sources::standard()));
        let license =
            LicenseGate::new(watch, Feature::Postgres, &self.config.cluster, NAME, self.clock.wall());
        let shared = Shared::new(self.config, options, node, self.clock, license);
        Ok(PostgresPersistenceAdapter::over(Arc::new(shared)))
    }

    /// As [`build`](Self::build), for services that would rather not start than not store.
    ///
    /// # Errors
    /// All that is wrong with the configuration, or why no licence permits the adapter.
    pub fn build_strict(self) -> Result<PostgresPersistenceAdapter, BuildError> {
        let adapter = self.build()?;
        match adapter.shared().license.refusal() {
            Some(refusal) => Err(refusal.into()),
            None => Ok(adapter),
        }
    }
}
