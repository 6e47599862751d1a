// SPDX-License-Identifier: Apache-2.0
//! Runs the examples as a reader runs them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::job::Job;
use crate::outcome::Outcome;
use crate::process::root;
use crate::workspace::{Package, Workspace};

/// The most that an example may take. One that serves until it is stopped has to be named in its
/// manifest. The longest, a fleet that goes twice through a failing dependency and the end of its
/// Redis, takes 75 s.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    // All in one build: the steps after this one use its dependencies too.
    let outcome = Job::cargo(["build", "--quiet", "--workspace", "--all-features", "--examples"]).run()?;
    if outcome.is_failure() {
        return Ok(outcome);
    }
    let (mut ran, mut serving) = (0, 0);
    let mut names = BTreeSet::new();
    for package in workspace.members() {
        for example in package.targets.iter().filter(|target| target.is_example()) {
            // All crates share one folder of binaries.
            anyhow::ensure!(names.insert(&example.name), "two crates have an example {}", example.name);
            if serves(package, &example.name) {
                serving += 1;
                continue;
            }
            let binary = root().join("target/debug/examples").join(&example.name);
            let outcome = Job::program(binary).run_within(LIMIT)?;
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

/// Whether an example serves until it is stopped. The manifest names those:
/// `[package.metadata.xtask] serving-examples = ["axum"]`.
fn serves(package: &Package, example: &str) -> bool {
    let names = package.metadata["xtask"]["serving-examples"].as_array();
    names.is_some_and(|names| names.iter().any(|name| name == example))
}
