// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! `atrion-license keygen | issue | inspect`; in the repository also `cargo xtask license`.
//!
//! The first two are for the vendor, the last is for the operator: run it before a deploy.

mod dates;
mod inspect;
mod issue;
mod keygen;
mod secret_file;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "atrion-license",
    version,
    about = "Makes, issues and inspects license keys of Atrion",
    max_term_width = 80
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key pair that signs licenses.
    Keygen(keygen::Args),
    /// Sign a license; the key goes to standard output, what it says to standard error.
    Issue(issue::Args),
    /// Show what a license says and where it stands: exit 0 active, 3 expiring within 30 days,
    /// 4 in grace, 5 expired, 6 invalid.
    Inspect(inspect::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Keygen(args) => keygen::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Issue(args) => issue::run(args).map(|()| ExitCode::SUCCESS),
        Command::Inspect(args) => inspect::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
