// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: the demo of one service, or with `--fleet` of several that call one callee
//! and share what they know of it.
//!
//! The fleet is an example of the commercial crate `atrion-cluster`; cargo starts it.

use std::process::{Command, ExitCode};

use crate::process::{commercial, hand_over};

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// A number of services in processes of their own, one Redis, and one callee that gets three
    /// times what it can do: each gate alone, and all gates sharing. Takes no other flags than
    /// --outage and --json.
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u8).range(2..=20))]
    fleet: Option<u8>,
    /// With --fleet: the callee fails for all of them instead.
    #[arg(long, requires = "fleet")]
    outage: bool,
    #[command(flatten)]
    one: atrion_demo::Args,
}

pub(crate) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let Some(nodes) = args.fleet else { return atrion_demo::run(args.one) };
    let manifest = commercial("atrion-cluster", "sharing scars through Redis")?;
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--features", "redis", "--example", "fleet", "--manifest-path"]);
    cargo.arg(manifest).args(["--", "--nodes"]).arg(nodes.to_string());
    if args.outage {
        cargo.arg("--outage");
    }
    if let Some(path) = args.one.json() {
        cargo.arg("--json").arg(path);
    }
    hand_over(&mut cargo)
}
