// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask license`: makes, issues and inspects license keys.
//!
//! The command is a binary of the commercial crate `atrion-license`, so it can be installed on a
//! machine that has no repository. Cargo starts it: as a dependency it would also switch
//! `development-keys` on in every build of the workspace.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::process::{commercial, hand_over};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// keygen, issue or inspect, and their flags; --help explains them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Runs the command in the folder of the caller, and ends with its exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let manifest = commercial("atrion-license", "issuing licenses")?;
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--features", "tools", "--bin", "atrion-license", "--manifest-path"]);
    hand_over(cargo.arg(manifest).arg("--").args(args.args))
}
