// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask studio`: AtrionStudio beside a fleet, or pictures of it.
//!
//! Studio is a commercial crate, and this only calls cargo to run it; `license.rs` says why.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// --screenshots DIR writes pictures of every view over the demo's service in an outage; it needs
    /// a browser, as the tests do. Everything else goes to the server; --help explains it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

const HOME: &str = "crates/atrion-studio/Cargo.toml";

/// Runs the command where the caller is, and ends with its exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = here.parent().unwrap_or(here).join(HOME);
    anyhow::ensure!(manifest.exists(), "{HOME} is not in this tree: Studio is a commercial part of Atrion");
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet"]);
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
    let status = cargo.arg("--manifest-path").arg(manifest).arg("--").args(rest).status();
    let status = status.context("cannot run cargo")?;
    // Ended by a signal, it has none.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
