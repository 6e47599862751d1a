// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask license`: makes, issues and inspects licence keys.
//!
//! The command itself is a binary of `crates/atrion-license`, and this only calls cargo to run it.
//! A dependency, even an optional one, would tie this free crate to a commercial one: cargo reads
//! the manifests of optional path dependencies, too, so that the workspace could no longer be built
//! without the commercial folders. It would also join `development-keys` into every build of the
//! workspace. As a binary it can be installed on a machine that has no repository.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// keygen, issue or inspect, and their flags; --help explains them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

const HOME: &str = "crates/atrion-license/Cargo.toml";

/// Runs the command where the caller is, and ends with its exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = here.parent().unwrap_or(here).join(HOME);
    anyhow::ensure!(
        manifest.exists(),
        "{HOME} is not in this tree: licences are a commercial part of Atrion"
    );
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--features", "tools", "--bin", "atrion-license", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(args.args)
        .status()
        .context("cannot run cargo")?;
    // Ended by a signal, it has none.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
