// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The PostgreSQL adapter against a real PostgreSQL, well and ill.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may panic: that is how it speaks

#[cfg(unix)]
#[path = "postgres/suite.rs"]
mod suite;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    suite::run()
}

#[cfg(not(unix))]
fn main() {}
