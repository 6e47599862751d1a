// SPDX-License-Identifier: Apache-2.0
//! loom: the atomics under every interleaving.
//!
//! `--cfg atrion_loom` swaps the standard atomics of the engine for loom's. Flags reach every crate
//! of the build, so it has a target folder of its own; the normal one would be rebuilt on each
//! change between the two.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::shell::{Job, Shell};
use super::step::Outcome;
use super::workspace::Workspace;

const HOME: &str = "atrion-engine";

pub(super) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let Some(engine) = workspace.member(HOME) else {
        return Ok(Outcome::Skipped(format!("there is no {HOME} in this tree")));
    };
    let mut chosen: Vec<&str> = engine
        .targets
        .iter()
        .filter(|target| target.is_test() && target.name.starts_with("loom"))
        .flat_map(|target| ["--test", target.name.as_str()])
        .collect();
    let folder = engine.manifest_path.parent().context("a manifest lies in a folder")?;
    if has_unit_tests(&folder.join("src"))? {
        chosen.push("--lib");
    }
    if chosen.is_empty() {
        return Ok(Outcome::Skipped(format!("{HOME} has no tests/loom*.rs and no {MARK}")));
    }
    super::suite::counted(
        shell,
        Job::cargo(["test", "-p", HOME, "--release"])
            .args(chosen)
            .env("RUSTFLAGS", "--cfg atrion_loom")
            .env("CARGO_TARGET_DIR", shell.root().join("target/loom")),
    )
}

/// How a unit test says that it runs under loom; the others say `not(loom)`.
const MARK: &str = "cfg(all(test, atrion_loom))";

fn has_unit_tests(folder: &Path) -> anyhow::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found =
            if path.is_dir() { has_unit_tests(&path)? } else { fs::read_to_string(&path)?.contains(MARK) };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
