// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The command `atrion-studio` beside a real fleet: real nodes over a real Redis, their history in
//! a real PostgreSQL. Ignored, and not green, where a server is missing and cannot be fetched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // helpers of tests speak as tests do

#[cfg(unix)]
#[path = "http/client.rs"]
#[allow(dead_code, reason = "the other suites use the rest of it")]
mod client;
#[cfg(unix)]
#[path = "beside/command.rs"]
mod command;
#[cfg(unix)]
#[path = "beside/fleet.rs"]
mod fleet;
#[cfg(unix)]
#[path = "shared/outage.rs"]
mod outage;
#[cfg(unix)]
#[path = "beside/suite.rs"]
mod suite;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use atrion_testbed::{Server, tests};

    atrion_testbed::run(
        &[Server::Redis, Server::Postgres],
        tests![
            suite::nodes_their_scars_and_their_history_are_seen,
            suite::a_redis_that_dies_and_returns_is_told,
            suite::it_starts_while_nothing_can_be_reached,
            suite::its_errors_hold_no_secret,
        ],
    )
}

#[cfg(not(unix))]
fn main() {}
