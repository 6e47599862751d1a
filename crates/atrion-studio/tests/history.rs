// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A process that shows its own durable history, with a real PostgreSQL and a real browser.
//! Ignored, and not green, where one of them is missing and cannot be fetched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // helpers of tests speak as tests do

#[cfg(unix)]
#[path = "http/client.rs"]
#[allow(dead_code, reason = "the other suites use the rest of it")]
mod client;
#[cfg(unix)]
#[path = "shared/outage.rs"]
mod outage;
#[cfg(unix)]
#[path = "history/suite.rs"]
mod suite;
#[cfg(unix)]
#[path = "browser/world.rs"]
#[allow(dead_code, reason = "the other suites use the rest of it")]
mod world;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use atrion_testbed::{Server, tests};

    atrion_testbed::run(
        &[Server::Postgres, Server::Chromium],
        tests![
            suite::what_was_before_a_restart_is_shown_page_by_page,
            suite::a_database_that_dies_is_a_sentence_and_live_events_go_on,
            suite::a_database_that_is_stuck_holds_nothing_up,
        ],
    )
}

#[cfg(not(unix))]
fn main() {}
