// SPDX-License-Identifier: Apache-2.0
//! The project's own commands. CI calls what a developer calls: `cargo xtask --help`.

mod bench;
mod boundary;
mod columns;
mod demo;
mod fuzz;
mod license;
mod machine;
mod oracle;
mod outcome;
mod process;
mod reason;
mod servers;
mod sim;
mod studio;
mod test;
mod tools;
#[cfg(unix)]
mod versus;
mod workspace;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The commands of the Atrion repository", max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, lint, test, document and check every crate and feature alone.
    Test(test::Args),
    /// Measure the hot paths side by side with their peers.
    Bench(bench::Args),
    /// Run a real HTTP service through overload, gray failure and outage, without and with Atrion;
    /// or with --fleet several that share a callee and a Redis.
    Demo(demo::DemoArgs),
    /// Run the same service behind nothing, Envoy, HAProxy, nginx and Atrion, through the same phases.
    #[cfg(unix)]
    Versus(atrion_demo::versus::Args),
    /// Simulate plants, policies and fleets in virtual time.
    Sim(sim::Args),
    /// Replay a recorded oracle file against the `rfc` preset.
    ReplayOracle(oracle::Args),
    /// Find or fetch the Redis, the PostgreSQL and the browser of the tests, and print their paths.
    Servers(servers::Args),
    /// Make, issue and inspect license keys.
    License(license::Args),
    /// Serve the dashboard beside a fleet, or take pictures of it.
    Studio(studio::Args),
    /// Prove that the free crates never reach the commercial ones.
    Boundary(boundary::Args),
    /// Feed a parser arbitrary bytes for a bounded time, guided by coverage.
    Fuzz(fuzz::Args),
}

fn main() -> std::process::ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test(args) => test::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Demo(args) => demo::run(args),
        #[cfg(unix)]
        Command::Versus(args) => versus::run(&args),
        Command::Sim(args) => sim::run(args),
        Command::ReplayOracle(args) => oracle::run(args),
        Command::Servers(args) => servers::run(args),
        Command::License(args) => license::run(args),
        Command::Studio(args) => studio::run(args),
        Command::Boundary(args) => boundary::run(args),
        Command::Fuzz(args) => fuzz::run(args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", reason::of(&error));
        std::process::ExitCode::FAILURE
    })
}
