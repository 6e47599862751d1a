// SPDX-License-Identifier: Apache-2.0
//! The examples, run as a reader would run them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::shell::{Job, Shell};
use super::step::Outcome;
use super::workspace::Workspace;

/// An example that takes longer has stopped being one, or serves and has to say so in its manifest. The longest, a fleet
/// that lives twice through a failing dependency and the end of its Redis, takes a minute and a quarter.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    // All in one build: what it makes of the dependencies, the steps after this one use, too.
    let outcome =
        shell.run(Job::cargo(["build", "--quiet", "--workspace", "--all-features", "--examples"]))?;
    if outcome.is_failure() {
        return Ok(outcome);
    }
    let (mut ran, mut serving) = (0, 0);
    let mut names = BTreeSet::new();
    for package in workspace.members() {
        for example in package.examples() {
            // One folder holds the binaries of all crates.
            anyhow::ensure!(names.insert(&example.name), "two crates have an example {}", example.name);
            if package.serves(example) {
                serving += 1;
                continue;
            }
            let binary = shell.root().join("target/debug/examples").join(&example.name);
            let outcome = shell.run_within(Job::program(binary), LIMIT)?;
            if let Outcome::Failed(why) = outcome {
                return Ok(Outcome::Failed(format!(
                    "example {} of {}: {why} (one that serves until stopped is named in \
                     package.metadata.xtask.serving-examples of its manifest)",
                    example.name, package.name
                )));
            }
            ran += 1;
        }
    }
    Ok(match (ran, serving) {
        (0, 0) => Outcome::Skipped("no crate has an example".to_owned()),
        _ => Outcome::Passed(format!("{ran} ran to their end, {serving} serve and were only built")),
    })
}
