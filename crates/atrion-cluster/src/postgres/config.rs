// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the adapter can be told, and all that is wrong with it.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use atrion_state::NodeId;
use sqlx::postgres::PgConnectOptions;

use super::error::NAME;
use super::{ConfigError, SettingsFault};

/// The settings of a [`PostgresPersistenceAdapter`](super::PostgresPersistenceAdapter). Plain data, checked when the
/// adapter is built.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// `postgres://role:password@host:5432/database?sslmode=verify-full`. Never shown.
    pub url: String,
    /// The fleet that this node belongs to, `default`: 1..=128 characters. Nodes of one cluster share its rows.
    pub cluster: String,
    /// This node's name, the same after a restart: a StatefulSet's pod name, a host name. What this node stored is found
    /// under it again. `ATRION_NODE`, else `HOSTNAME`; a name made up would find nothing again, so there is none.
    pub node: String,
    /// How often changed vectors are written, 10 s, each time with a fifth more or less: what a crash of the node may lose.
    pub write_behind: Duration,
    /// How long a statement may take, 1 s.
    pub statement_timeout: Duration,
    /// How long connecting may take, 2 s.
    pub connect_timeout: Duration,
    /// Whether the role may make and change the schema. Without, the schema is only looked at.
    pub migrate: bool,
    /// Whether a pooler gives each transaction another connection (PgBouncer in transaction mode): then nothing is prepared.
    pub pooled: bool,
    /// How many routes are kept, 10,000: as many as an engine has.
    pub routes: usize,
    /// How long history is kept.
    pub retention: Retention,
}

/// How many days history is kept, today not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Samples, 7 days.
    pub history_days: u16,
    /// Changes of modes, 90 days.
    pub transition_days: u16,
}

impl Retention {
    /// Samples for so many days, changes of modes for so many.
    #[must_use]
    pub const fn days(history: u16, transitions: u16) -> Self {
        Self { history_days: history, transition_days: transitions }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::days(7, 90)
    }
}

impl Default for PostgresConfig {
    /// No URL; the node is what the environment says.
    fn default() -> Self {
        Self {
            url: String::new(),
            cluster: "default".to_owned(),
            node: ["ATRION_NODE", "HOSTNAME"]
                .into_iter()
                .find_map(|name| std::env::var(name).ok())
                .unwrap_or_default(),
            write_behind: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(2),
            migrate: true,
            pooled: false,
            routes: 10_000,
            retention: Retention::default(),
        }
    }
}

/// The URL has the password in it.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("url", &"…")
            .field("cluster", &self.cluster)
            .field("node", &self.node)
            .field("write_behind", &self.write_behind)
            .field("statement_timeout", &self.statement_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("migrate", &self.migrate)
            .field("pooled", &self.pooled)
            .field("routes", &self.routes)
            .field("retention", &self.retention)
            .finish()
    }
}

impl PostgresConfig {
    /// Checks everything; gives what was parsed on the way.
    pub(super) fn check(&self) -> Result<(NodeId, PgConnectOptions), ConfigError> {
        let mut faults = Vec::new();
        let mut fault = |field, problem: String| faults.push(SettingsFault::new(field, problem));
        let options = options(&self.url).map_err(|reason| fault("url", reason)).ok();
        let length = self.cluster.chars().count();
        if !(1..=128).contains(&length) || self.cluster.chars().any(char::is_control) {
            fault(
                "cluster",
                format!("must have 1..=128 characters without control characters, got {length}"),
            );
        }
        let node = NodeId::new(&self.node).map_err(|error| fault("node", error.to_string())).ok();
        let mut span = |field, value: Duration, least: Duration, most: Duration| {
            if !(least..=most).contains(&value) {
                fault(field, format!("must lie in {least:?}..={most:?}, got {value:?}"));
            }
        };
        let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
        span("write_behind", self.write_behind, millis(100), seconds(3_600));
        span("statement_timeout", self.statement_timeout, millis(10), seconds(60));
        span("connect_timeout", self.connect_timeout, millis(10), seconds(60));
        if !(1..=1_000_000).contains(&self.routes) {
            fault("routes", format!("must lie in 1..=1000000, got {}", self.routes));
        }
        for (field, days) in [
            ("history_days", self.retention.history_days),
            ("transition_days", self.retention.transition_days),
        ] {
            if !(1..=3_650).contains(&days) {
                fault(field, format!("must lie in 1..=3650, got {days}"));
            }
        }
        match (node, options) {
            (Some(node), Some(options)) if faults.is_empty() => Ok((node, options)),
            _ => Err(ConfigError::new(NAME, faults)),
        }
    }
}

/// Parses a URL. The error of the parser is not passed on: it may quote what it stumbled over.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, String> {
    let wanted = "must be a url such as `postgres://role:password@host:5432/database`";
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(format!("{wanted}, got another scheme or none"));
    }
    let options =
        PgConnectOptions::from_str(url).map_err(|_| format!("{wanted}, got one that is malformed"))?;
    use sqlx::ConnectOptions as _;
    // A pooler refuses parameters that it does not carry from client to client, and this one shows floats in text to
    // people: nothing here reads text.
    let options = options.extra_float_digits(None).application_name("atrion");
    // Statements are ours and never slow in a way that a log of them would explain.
    Ok(options.disable_statement_logging())
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

    #[test]
    fn all_faults_come_at_once_with_their_fields() {
        assert!(valid().check().is_ok());
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
        let error = wrong.check().unwrap_err();
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

    #[test]
    fn the_password_is_never_shown() {
        let shown = format!("{:?}", valid());
        assert!(!shown.contains("hunter2") && shown.contains("shop"), "{shown}");
    }
}
