// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The adapter for Redis and Valkey: a fleet's protocol ([`fleet`](crate::fleet)) over two
//! connections.
//!
//! - **It promises** that no request waits for the store or fails with it: every
//!   method of the port answers from memory; a task of its own talks to the store.
//! - **It does not know** how what is heard is merged, and keeps no state of its own beside the
//!   machine's.

mod config;
pub use config::{Login, RedisConfig, SyncConfig, TlsConfig, Topology};

mod builder;
pub use builder::RedisClusterBuilder;

pub use crate::settings::{BuildError, ConfigError, SettingsFault};

mod error;

mod provider;
pub use provider::RedisClusterProvider;

mod status;

mod shared;

mod driver;

mod worker;

mod census;

mod connection;

mod endpoint;

mod inbox;

mod keys;

mod leases;

mod limit;

mod oversized;

mod session;

mod stream;

/// The name in logs and metrics.
const NAME: &str = "redis";

/// A number that differs between processes and calls.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0u8)
}
