// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The adapter against real Valkey servers: the tests of `redis`, every one.
#![allow(missing_docs, unreachable_pub)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::float_cmp)] // helpers of tests speak as tests do

use std::process::ExitCode;

use atrion_testbed::{Redis, Server};

#[path = "redis/main.rs"]
mod redis;

fn main() -> ExitCode {
    Redis::are_all(Server::Valkey);
    redis::main()
}
