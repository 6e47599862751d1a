// SPDX-License-Identifier: Apache-2.0
//! loom: the atomics under every interleaving.
//!
//! `--cfg atrion_loom` swaps the standard atomics of the engine for those of loom. The flag reaches
//! every crate of the build, so the build has a target folder of its own. In the usual folder each
//! change between the two would rebuild everything.

use std::fs;
use std::path::Path;

use super::job::Job;
use crate::outcome::Outcome;
use crate::process::root;
use crate::workspace::{Workspace, folder};

const HOME: &str = "atrion-engine";

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let Some(engine) = workspace.member(HOME) else {
        return Ok(Outcome::Skipped(format!("there is no {HOME} in this tree")));
    };
    let mut chosen: Vec<&str> = engine
        .targets
        .iter()
        .filter(|target| target.is_test() && target.name.starts_with("loom"))
        .flat_map(|target| ["--test", target.name.as_str()])
        .collect();
    if has_unit_tests(&folder(engine).join("src"))? {
        chosen.push("--lib");
    }
    if chosen.is_empty() {
        return Ok(Outcome::Skipped(format!("{HOME} has no tests/loom*.rs and no {MARK}")));
    }
    super::suite::counted(
        Job::cargo(["test", "-p", HOME, "--release"])
            .args(chosen)
            .env("RUSTFLAGS", "--cfg atrion_loom")
            .env("CARGO_TARGET_DIR", root().join("target/loom")),
    )
}

/// Marks a unit test that runs under loom.
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
