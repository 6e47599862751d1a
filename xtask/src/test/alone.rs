// SPDX-License-Identifier: Apache-2.0
//! Each crate alone and each feature alone.
//!
//! In one build of the whole workspace cargo joins the features that its crates ask for, so a crate
//! that forgot to ask for one compiles. Alone it does not.

use super::job::Job;
use crate::outcome::Outcome;
use crate::workspace::{Package, Workspace};

/// Each crate with its default features.
pub(super) fn crates(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let members = workspace.members();
    all(members.into_iter().map(|package| (package.name.to_string(), check(package))))
}

/// Each crate without features, then with each of its features and nothing else.
pub(super) fn features(workspace: &Workspace) -> anyhow::Result<Outcome> {
    all(workspace.members().into_iter().flat_map(combinations))
}

fn combinations(package: &Package) -> Vec<(String, Job)> {
    let bare = || check(package).args(["--no-default-features"]);
    let none = (format!("{} without features", package.name), bare());
    let names = package.features.keys().filter(|feature| *feature != "default");
    let alone =
        names.map(|feature| (format!("{}/{feature}", package.name), bare().args(["--features", feature])));
    // The step before this one checked a crate that has no features.
    if package.features.is_empty() { Vec::new() } else { std::iter::once(none).chain(alone).collect() }
}

/// Clippy and not check: clippy denies warnings for our crates alone. `RUSTFLAGS` would rebuild
/// every dependency too.
fn check(package: &Package) -> Job {
    Job::cargo(["clippy", "--quiet", "-p", package.name.as_str()])
}

/// Runs all of them, also after a failure: a fault in one crate is often in another too.
fn all(jobs: impl Iterator<Item = (String, Job)>) -> anyhow::Result<Outcome> {
    let mut count = 0;
    let mut failed = Vec::new();
    for (name, job) in jobs {
        count += 1;
        if job.args(["--", "-D", "warnings"]).run()?.is_failure() {
            failed.push(name);
        }
    }
    Ok(if failed.is_empty() {
        Outcome::Passed(format!("{count} builds"))
    } else {
        Outcome::Failed(failed.join(", "))
    })
}
