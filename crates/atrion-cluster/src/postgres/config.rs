// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the adapter can be told, as plain data. The builder checks it.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::settings::machine_names;

/// The settings of a [`PostgresPersistenceAdapter`](super::PostgresPersistenceAdapter). Plain data,
/// checked when the adapter is built. With the feature `serde` it can be read from any format, with
/// spans in seconds; it cannot be written, because its url holds a password.
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct PostgresConfig {
    /// `postgres://role:password@host:5432/database?sslmode=verify-full`. Never shown.
    pub url: String,
    /// The fleet that this node belongs to, `default`: 1..=128 characters. Nodes of one cluster
    /// share its rows.
    pub cluster: String,
    /// This node's name, the same after a restart: a StatefulSet's pod name, a host name. What this
    /// node stored is found under it again. `ATRION_NODE`, else `HOSTNAME`; a name made up would
    /// find nothing again, so there is none.
    pub node: String,
    /// How often changed vectors are written, 10 s, each time with a fifth more or less: what a
    /// crash of the node may lose.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::settings::seconds"))]
    pub write_behind: Duration,
    /// How long a statement may take, 1 s.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::settings::seconds"))]
    pub statement_timeout: Duration,
    /// How long connecting may take, 2 s.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::settings::seconds"))]
    pub connect_timeout: Duration,
    /// Whether the role may make and change the schema. Without, the schema is only looked at.
    pub migrate: bool,
    /// Whether a pooler gives each transaction another connection (PgBouncer in transaction mode):
    /// then nothing is prepared.
    pub pooled: bool,
    /// How many routes are kept, 10,000: as many as an engine has.
    pub routes: usize,
    /// How long history is kept.
    pub retention: Retention,
}

/// How many days history is kept, today not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Retention {
    /// Samples, 7 days.
    pub history_days: u16,
    /// Changes of modes, 90 days.
    pub transition_days: u16,
}

impl Retention {
    /// Samples for `history` days, changes of modes for `transitions`.
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
            node: machine_names().next().unwrap_or_default(),
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

/// Parses a URL. The error of the parser is not passed on: it may quote what it stumbled over.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, String> {
    let wanted = "must be a url such as `postgres://role:password@host:5432/database`";
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(format!("{wanted}, got another scheme or none"));
    }
    let options =
        PgConnectOptions::from_str(url).map_err(|_| format!("{wanted}, got one that is malformed"))?;
    use sqlx::ConnectOptions as _;
    // A pooler refuses parameters that it does not carry from client to client, and this one shows
    // floats in text to people: nothing here reads text.
    let options = options.extra_float_digits(None).application_name("atrion");
    // Statements are ours and never slow in a way that a log of them would explain.
    Ok(options.disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let url = "postgres://role:hunter2@host/db".into();
        let shown =
            format!("{:?}", PostgresConfig { url, cluster: "shop".into(), ..PostgresConfig::default() });
        assert!(!shown.contains("hunter2") && shown.contains("shop"), "{shown}");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_configuration_is_read_from_text_and_refused_with_its_field() {
        let read = |text: &str| serde_json::from_str::<PostgresConfig>(text);
        let config =
            read(r#"{"url": "postgres://host/db", "write_behind": 2.5, "retention": {"history_days": 3}}"#);
        let config = config.unwrap();
        assert_eq!(config.write_behind, Duration::from_millis(2_500));
        assert_eq!(config.retention, Retention::days(3, 90));
        assert!(read(r#"{"urls": []}"#).unwrap_err().to_string().contains("unknown field `urls`"));
    }
}
