// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask servers`: finds or fetches the Redis, the Valkey, the PostgreSQL, the promtool and
//! the balancers that tests use. `cargo xtask test` does the same in a step of its own, so that a
//! download does not look like a slow test.

use std::process::ExitCode;

use crate::outcome::Outcome;

#[derive(clap::Args)]
pub(crate) struct Args {}

#[cfg(unix)]
pub(crate) fn run(_: Args) -> anyhow::Result<ExitCode> {
    use atrion_testbed::{Server, locate};

    for server in Server::ALL {
        let programs = locate(server)?;
        println!("{:<10} {}", server.name(), programs.server.display());
        println!("{:<10} {}", "", programs.version);
        if let Some(libraries) = programs.libraries {
            println!("{:<10} LD_LIBRARY_PATH={}", "", libraries.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The step. A missing server fails it only where the environment requires the servers.
#[cfg(unix)]
pub(crate) fn step() -> Outcome {
    use atrion_testbed::{Availability, Server, availability};

    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for server in Server::ALL {
        match availability(server) {
            Availability::Ready(programs) => found.push(programs.server.display().to_string()),
            Availability::Ignored(why) => missing.push(why),
            Availability::Required(error) => return Outcome::Failed(error.to_string()),
            other => return Outcome::Failed(format!("{other:?}")),
        }
    }
    if missing.is_empty() {
        Outcome::Passed(found.join(", "))
    } else {
        Outcome::Skipped(format!("tests with real servers will be ignored: {}", missing.join("; ")))
    }
}

#[cfg(not(unix))]
pub(crate) fn run(_: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("tests with real servers run only on Unix")
}

#[cfg(not(unix))]
pub(crate) fn step() -> Outcome {
    Outcome::Skipped("tests with real servers run only on Unix".to_owned())
}
