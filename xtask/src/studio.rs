// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask studio`: pictures of AtrionStudio.
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
    /// a browser, as the tests do.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

const HOME: &str = "crates/atrion-studio/Cargo.toml";

/// Runs the command where the caller is, and ends with its exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = here.parent().unwrap_or(here).join(HOME);
    anyhow::ensure!(manifest.exists(), "{HOME} is not in this tree: Studio is a commercial part of Atrion");
    let Some((_, rest)) = args.args.split_first().filter(|(first, _)| *first == "--screenshots") else {
        anyhow::bail!("say what to do: --screenshots DIR");
    };
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--example", "pictures", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(rest)
        .status()
        .context("cannot run cargo")?;
    // Ended by a signal, it has none.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
