// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask studio`: serves AtrionStudio beside a fleet, or takes pictures of it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::process::{commercial, hand_over};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// --screenshots DIR writes pictures of every view over the demo's service in an outage; it needs
    /// a browser, as the tests do. Any other argument goes to the server; --help explains them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Runs the command in the folder of the caller, and ends with its exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let manifest = commercial("atrion-studio", "Studio")?;
    let mut cargo = Command::new("cargo");
    cargo.arg("run");
    let rest = match args.args.split_first() {
        Some((first, rest)) if first == "--screenshots" => {
            cargo.args(["--example", "pictures"]);
            rest
        }
        _ => {
            cargo.args(["--features", "fleet", "--bin", "atrion-studio"]);
            &args.args
        }
    };
    hand_over(cargo.arg("--manifest-path").arg(manifest).arg("--").args(rest))
}
