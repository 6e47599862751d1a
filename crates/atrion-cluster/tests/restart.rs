// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A pod that restarts in the middle of an outage brakes from its first request: real processes,
//! real stores.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may panic: that is how it speaks

#[cfg(unix)]
#[path = "restart/pod.rs"]
mod pod;

#[cfg(unix)]
#[path = "restart/story.rs"]
mod story;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use atrion_testbed::{Server, tests};

    // This very program is the pod, too.
    if let Some(settings) = pod::Settings::from_env() {
        return pod::run(settings);
    }
    atrion_testbed::run(
        &[Server::Redis, Server::Postgres],
        tests![
            story::over_redis_alone,
            story::over_postgres_alone,
            story::over_both,
            story::over_both_when_redis_lost_everything,
            story::layers_over_real_stores_keep_the_contract,
        ],
    )
}

#[cfg(not(unix))]
fn main() {}
