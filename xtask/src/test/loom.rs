// SPDX-License-Identifier: Apache-2.0
//! loom: the atomics under every interleaving.
//!
//! `--cfg loom` swaps the standard atomics for loom's in every crate of the build, so it has a
//! target folder of its own; the normal one would be rebuilt on each change between the two.

use super::shell::{Job, Shell};
use super::step::Outcome;
use super::workspace::Workspace;

const HOME: &str = "atrion-engine";

pub(super) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let Some(engine) = workspace.member(HOME) else {
        return Ok(Outcome::Skipped(format!("there is no {HOME} in this tree")));
    };
    let tests: Vec<&str> = engine
        .targets
        .iter()
        .filter(|target| target.is_test() && target.name.starts_with("loom"))
        .flat_map(|target| ["--test", target.name.as_str()])
        .collect();
    if tests.is_empty() {
        return Ok(Outcome::Skipped(format!("{HOME} has no test whose name begins with loom")));
    }
    super::suite::counted(
        shell,
        Job::cargo(["test", "-p", HOME, "--release"])
            .args(tests)
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", shell.root().join("target/loom")),
    )
}
