// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask versus`: the service of the demo behind each of its peers, in a build for release.

use std::process::{Command, ExitCode};

use crate::machine::Machine;
use crate::process::{hand_over, root};

pub(crate) fn run(args: &atrion_demo::versus::Args) -> anyhow::Result<ExitCode> {
    // The peers are built for release.
    if cfg!(debug_assertions) {
        let mut cargo = Command::new("cargo");
        cargo.args(["run", "--release", "--manifest-path"]).arg(root().join("xtask/Cargo.toml"));
        return hand_over(cargo.arg("--").args(std::env::args_os().skip(1)));
    }
    let Machine { processor, cores, system, compiler } = Machine::this()?;
    atrion_demo::versus::run(args, &format!("{processor}, {cores} cores, {system}, {compiler}"))
}
