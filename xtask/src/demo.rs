// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: the demo of one service, or with `--fleet` that of several which share their scars.
//!
//! The fleet's is an example of `crates/atrion-cluster`, and this only calls cargo to run it: see
//! `license.rs` for why a free crate does not depend on a commercial one, not even optionally.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// So many services that share a private Redis, and one dependency that fails for all of them.
    /// Takes no other flag but --json.
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u8).range(2..=9))]
    fleet: Option<u8>,
    #[command(flatten)]
    one: atrion_demo::Args,
}

const HOME: &str = "crates/atrion-cluster/Cargo.toml";

pub(crate) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let Some(nodes) = args.fleet else { return atrion_demo::run(args.one) };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = here.parent().unwrap_or(here).join(HOME);
    anyhow::ensure!(
        manifest.exists(),
        "{HOME} is not in this tree: sharing scars through Redis is a commercial part of Atrion"
    );
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--features", "redis", "--example", "fleet", "--manifest-path"]);
    command.arg(manifest).args(["--", "--nodes"]).arg(nodes.to_string());
    if let Some(path) = args.one.json() {
        command.arg("--json").arg(path);
    }
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
