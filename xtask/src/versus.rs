// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask versus`: the service of the demo behind each of its peers.

use std::process::ExitCode;

use crate::machine::Machine;

pub(crate) fn run(args: &atrion_demo::versus::Args) -> anyhow::Result<ExitCode> {
    let Machine { processor, cores, system, compiler } = Machine::this()?;
    atrion_demo::versus::run(args, &format!("{processor}, {cores} cores, {system}, {compiler}"))
}
