// SPDX-License-Identifier: Apache-2.0
//! Each crate alone and each feature alone.
//!
//! In one build of the whole workspace cargo joins the features that its crates ask for, and a
//! crate that forgot to ask compiles by luck. Alone it does not.

use super::shell::{Job, Shell};
use super::step::Outcome;
use super::workspace::{Package, Workspace};

/// Each crate with its default features.
pub(super) fn crates(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let members = workspace.members();
    all(shell, members.into_iter().map(|package| (package.name.clone(), check(package))))
}

/// Each crate without features, then with each of its features and nothing else.
pub(super) fn features(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    all(shell, workspace.members().into_iter().flat_map(combinations))
}

fn combinations(package: &Package) -> Vec<(String, Job)> {
    let bare = || check(package).args(["--no-default-features"]);
    let none = (format!("{} without features", package.name), bare());
    let names = package.features.keys().filter(|feature| *feature != "default");
    let alone =
        names.map(|feature| (format!("{}/{feature}", package.name), bare().args(["--features", feature])));
    // A crate without features was built by the step before this one.
    if package.features.is_empty() { Vec::new() } else { std::iter::once(none).chain(alone).collect() }
}

/// Clippy and not check: it can deny warnings for our crates alone, where `RUSTFLAGS` would also
/// rebuild every dependency.
fn check(package: &Package) -> Job {
    Job::cargo(["clippy", "--quiet", "-p", package.name.as_str()])
}

/// Runs them all, also after a failure: what is missing in one crate is often missing in another.
fn all(shell: &Shell, jobs: impl Iterator<Item = (String, Job)>) -> anyhow::Result<Outcome> {
    let mut count = 0;
    let mut failed = Vec::new();
    for (name, job) in jobs {
        count += 1;
        if shell.run(job.args(["--", "-D", "warnings"]))?.is_failure() {
            failed.push(name);
        }
    }
    Ok(if failed.is_empty() {
        Outcome::Passed(format!("{count} builds"))
    } else {
        Outcome::Failed(failed.join(", "))
    })
}
