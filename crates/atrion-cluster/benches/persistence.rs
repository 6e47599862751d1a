// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What state that survives costs, against a PostgreSQL of its own: writing, a warm start, bytes a
//! day; and what it is worth: failures until a pod is protected, cold and warm. Prints one JSON
//! object a line for `cargo xtask bench`, and the same for people on the standard error.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot be set up has nothing to measure, and says so"
)]

#[cfg(unix)]
#[path = "../tests/restart/pod.rs"]
#[allow(dead_code, reason = "a bench needs less of it than the tests")]
mod pod;

#[cfg(unix)]
#[path = "persistence/measure.rs"]
mod measure;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    match pod::Settings::from_env() {
        // This very program is the pod, too.
        Some(settings) => pod::run(settings),
        None => measure::run(),
    }
}

#[cfg(not(unix))]
fn main() {}
