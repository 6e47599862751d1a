// SPDX-License-Identifier: Apache-2.0
//! The servers themselves: they start, can be injured, and leave nothing behind.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic)] // a test may panic: that is how it speaks

#[cfg(unix)]
#[path = "servers/suite.rs"]
mod suite;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    suite::run()
}

#[cfg(not(unix))]
fn main() {}
