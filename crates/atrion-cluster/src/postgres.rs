// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! State that survives in PostgreSQL: what a node knew before it was restarted, and which route
//! opened when.
//!
//! No request waits for the database. A write sets a mark in memory; a task of the adapter's own
//! writes what is marked every ten seconds, changes of modes every second, and a sample a minute of
//! what is not well. A database that is down, slow or full costs freshness, not memory and not a
//! request.
//!
//! - A periodic write is there for good a fraction of a second after its commit
//!   (`synchronous_commit = off`). What a crash of the *database* loses in that time is written
//!   again by the nodes that live: after every new connection they write all that they have.
//! - [`flush`](PostgresPersistenceAdapter::flush) and `disconnect` return when everything is in the
//!   server's log on disk.
//! - Rows of other nodes are never given back as this node's own, and never reach admission: what
//!   is ten seconds old weighs nothing in a fleet. They are for people, through [`HistoryReader`].
//!
//! `manual/persistence.md` has the schema, sizes, grants, backups and queries.

pub use crate::settings::{BuildError, ConfigError, SettingsFault};

mod error;

mod config;
pub use config::{PostgresConfig, Retention};

mod builder;
pub use builder::PostgresBuilder;

mod provider;
pub use provider::PostgresPersistenceAdapter;

mod reader;
pub use reader::{
    Cursor, CursorError, HistoryReader, Opening, Page, Paged, Sample, Standing, TimeRange, Transition,
    Trouble,
};

mod login;

mod shared;

mod store;

mod jobs;

mod leases;

mod schedule;

mod own;

mod session;

mod migrate;

/// The name in logs and metrics.
const NAME: &str = "postgres";
