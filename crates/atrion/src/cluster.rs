// SPDX-License-Identifier: Apache-2.0
//! State that a fleet shares, and state that survives. Commercial: without a license state stays in
//! memory, a log line says so, and admission works as it does with one.

#[cfg(any(feature = "redis", feature = "postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "redis", feature = "postgres"))))]
pub use atrion_cluster::{CredentialError, CredentialSource, Credentials};
pub use atrion_cluster::{LayeredError, LayeredProvider};

/// A fleet that learns together.
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis {
    pub use atrion_cluster::fleet::FleetStats;
    pub use atrion_cluster::redis::{
        BuildError, ConfigError, Login, RedisClusterBuilder, RedisClusterProvider, RedisConfig,
        SettingsFault, SyncConfig, TlsConfig, Topology,
    };
}

/// What a node knew before it was restarted, and what happened when.
#[cfg(feature = "postgres")]
#[cfg_attr(docsrs, doc(cfg(feature = "postgres")))]
pub mod postgres {
    pub use atrion_cluster::postgres::{
        BuildError, ConfigError, Cursor, CursorError, HistoryReader, Opening, Page, Paged, PostgresBuilder,
        PostgresConfig, PostgresPersistenceAdapter, Retention, Sample, SettingsFault, Standing, TimeRange,
        Transition, Trouble,
    };
}
