// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask sim`: the wind tunnel. This parses arguments, asks `atrion-sim`, and prints in 80
//! columns.

mod callers;
mod common;
mod explain;
mod fleet;
mod inference;
mod list;
mod nuisance;
mod replay;
mod run;
mod stability;
mod steady;
mod sweep;
mod table;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Name every scenario of a set and every policy, with its purpose.
    List(list::Args),
    /// Run one scenario with some policies, and plot the outcome.
    Run(run::Args),
    /// Compare values of one number of the preset `adaptive`.
    Sweep(sweep::Args),
    /// Map what the preset `rfc` settles to over decay, scar and damping.
    Stability(stability::Args),
    /// Measure what policies refuse of services that are not overloaded.
    Steady(steady::Args),
    /// Compare policies where many callers, each with a gate of its own, share one plant.
    Callers(callers::Args),
    /// Compare gates before a model that answers in streams.
    Inference(inference::Args),
    /// Measure what others are refused while a client holds slots.
    Nuisance(nuisance::Args),
    /// Explain R, its terms, N* and the mode over a scenario.
    Explain(explain::Args),
    /// Measure what the sharing of scars brings to a fleet, and what it costs.
    Fleet(fleet::Args),
    /// Replay a recorded incident with another configuration.
    Replay(replay::Args),
    /// Compare policies over a set of scenarios.
    Table(table::Args),
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(args) => list::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Stability(args) => stability::run(&args),
        Command::Steady(args) => steady::run(&args),
        Command::Callers(args) => callers::run(&args),
        Command::Inference(args) => inference::run(&args),
        Command::Nuisance(args) => nuisance::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Fleet(args) => fleet::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Table(args) => table::run(&args),
    }
}
