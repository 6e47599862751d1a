// SPDX-License-Identifier: Apache-2.0
//! The servers that a test may need, and what is known of each: one table for all that look for
//! them.

/// What a test may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Server {
    /// `redis-server`.
    Redis,
    /// `valkey-server`, which does what a Redis does; [`Redis`](crate::Redis) starts it, too.
    Valkey,
    /// `postgres`, `initdb` and `psql`.
    Postgres,
    /// `pgbouncer`, a pooler before PostgreSQL.
    PgBouncer,
    /// `nats-server`, a broker.
    Nats,
    /// `promtool`, the checker of Prometheus's rules.
    Promtool,
    /// `envoy`, the proxy that asks the gateway's external processor.
    Envoy,
    /// `haproxy`, a balancer.
    HaProxy,
    /// `nginx`, a balancer.
    Nginx,
    /// `caddy`, a balancer.
    Caddy,
    /// `h2load`, which loads servers of HTTP/1 and HTTP/2, and serves nothing.
    H2load,
    /// A browser for tests of pages: Chromium, or a browser of the same kind.
    Chromium,
}

impl Server {
    /// Everything there is.
    pub const ALL: [Self; 12] = [
        Self::Redis,
        Self::Valkey,
        Self::Postgres,
        Self::PgBouncer,
        Self::Nats,
        Self::Promtool,
        Self::Envoy,
        Self::HaProxy,
        Self::Nginx,
        Self::Caddy,
        Self::H2load,
        Self::Chromium,
    ];

    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
            Self::Postgres => "PostgreSQL",
            Self::PgBouncer => "PgBouncer",
            Self::Nats => "NATS",
            Self::Promtool => "promtool",
            Self::Envoy => "Envoy",
            Self::HaProxy => "HAProxy",
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
            Self::H2load => "h2load",
            Self::Chromium => "Chromium",
        }
    }

    /// The program that serves.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Valkey => "valkey-server",
            Self::Postgres => "postgres",
            Self::PgBouncer => "pgbouncer",
            Self::Nats => "nats-server",
            Self::Promtool => "promtool",
            Self::Envoy => "envoy",
            Self::HaProxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::H2load => "h2load",
            Self::Chromium => "chromium",
        }
    }

    /// The environment variable that names the program or, for PostgreSQL, the folder of its
    /// programs.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Redis => "ATRION_TEST_REDIS_SERVER",
            Self::Valkey => "ATRION_TEST_VALKEY_SERVER",
            Self::Postgres => "ATRION_TEST_PG_BIN",
            Self::PgBouncer => "ATRION_TEST_PGBOUNCER",
            Self::Nats => "ATRION_TEST_NATS_SERVER",
            Self::Promtool => "ATRION_TEST_PROMTOOL",
            Self::Envoy => "ATRION_TEST_ENVOY",
            Self::HaProxy => "ATRION_TEST_HAPROXY",
            Self::Nginx => "ATRION_TEST_NGINX",
            Self::Caddy => "ATRION_TEST_CADDY",
            Self::H2load => "ATRION_TEST_H2LOAD",
            Self::Chromium => "ATRION_TEST_CHROMIUM",
        }
    }

    /// The Debian package that a person installs.
    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Valkey => "valkey-server",
            Self::Postgres => "postgresql",
            Self::PgBouncer => "pgbouncer",
            Self::Nats => "nats-server",
            Self::Promtool => "prometheus",
            Self::Envoy => "envoy",
            Self::HaProxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::H2load => "nghttp2-client",
            Self::Chromium => "chromium",
        }
    }

    /// What its program is asked for its version with.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::HaProxy | Self::Nginx => "-v",
            Self::Caddy => "version",
            _ => "--version",
        }
    }

    /// Whether the server does not run with root's rights.
    pub(crate) const fn refuses_root(self) -> bool {
        matches!(self, Self::Postgres | Self::PgBouncer)
    }
}
