// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: the demo of one service, or with `--fleet` of several that share their
//! scars.
//!
//! The fleet is an example of the commercial crate `atrion-cluster`; cargo starts it.

use std::process::{Command, ExitCode};

use crate::process::{commercial, hand_over};

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// The number of services that share a private Redis, and one dependency that fails for all of
    /// them. Takes no other flag than --json.
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u8).range(2..=9))]
    fleet: Option<u8>,
    #[command(flatten)]
    one: atrion_demo::Args,
}

pub(crate) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let Some(nodes) = args.fleet else { return atrion_demo::run(args.one) };
    let manifest = commercial("atrion-cluster", "sharing scars through Redis")?;
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--features", "redis", "--example", "fleet", "--manifest-path"]);
    cargo.arg(manifest).args(["--", "--nodes"]).arg(nodes.to_string());
    if let Some(path) = args.one.json() {
        cargo.arg("--json").arg(path);
    }
    hand_over(&mut cargo)
}
