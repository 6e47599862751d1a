// SPDX-License-Identifier: Apache-2.0
//! Each crate alone and each feature alone.
//!
//! In one build of the whole workspace cargo joins the features that its crates ask for, and a
//! crate that forgot to ask compiles by luck. Alone it does not.

use super::shell::{Job, Shell};
use super::step::Outcome;
use super::workspace::{Package, Workspace};

/// `cargo check -p X` for each crate.
pub(super) fn crates(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let jobs = workspace.members().into_iter().map(check).collect();
    all(shell, jobs, "crates")
}

/// Each crate without features, then with each of its features and nothing else.
pub(super) fn features(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let jobs = workspace.members().into_iter().flat_map(combinations).collect();
    all(shell, jobs, "builds")
}

fn combinations(package: &Package) -> Vec<Job> {
    let bare = || check(package).args(["--no-default-features"]);
    let names = package.features.keys().filter(|name| *name != "default");
    let alone = names.map(|name| bare().args(["--features", name]));
    // A crate without features was built by the step before this one.
    if package.features.is_empty() { Vec::new() } else { std::iter::once(bare()).chain(alone).collect() }
}

fn check(package: &Package) -> Job {
    Job::cargo(["check", "--quiet", "-p", package.name.as_str()]).env("RUSTFLAGS", "-D warnings")
}

fn all(shell: &Shell, jobs: Vec<Job>, what: &str) -> anyhow::Result<Outcome> {
    let count = jobs.len();
    for job in jobs {
        let outcome = shell.run(job)?;
        if outcome.is_failure() {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Passed(format!("{count} {what}")))
}
