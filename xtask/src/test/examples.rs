// SPDX-License-Identifier: Apache-2.0
//! Runs the examples as a reader runs them.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::job::Job;
use crate::outcome::Outcome;
use crate::process::root;
use crate::workspace::{Package, Workspace};

/// The most that an example may take. One that serves until it is stopped has to be named in its
/// manifest. The longest, a fleet that goes twice through a failing dependency and the end of its
/// Redis, takes 75 s.
const LIMIT: Duration = Duration::from_secs(180);

/// How many run at once: they wait most of the time.
const AT_ONCE: usize = 3;

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    // All in one build: the steps after this one use its dependencies too.
    let outcome = Job::cargo(["build", "--quiet", "--workspace", "--all-features", "--examples"]).run()?;
    if outcome.is_failure() {
        return Ok(outcome);
    }
    let mut serving = 0;
    let mut names = BTreeSet::new();
    let mut waiting = Vec::new();
    for package in workspace.members() {
        for example in package.targets.iter().filter(|target| target.is_example()) {
            // All crates share one folder of binaries.
            anyhow::ensure!(names.insert(&example.name), "two crates have an example {}", example.name);
            if serves(package, &example.name) {
                serving += 1;
            } else {
                waiting.push((package.name.as_str(), example.name.as_str()));
            }
        }
    }
    let ran = waiting.len();
    let waiting = Mutex::new(waiting.into_iter());
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((package, example)) = next(&waiting) {
                    if let Some(why) = fault(example) {
                        held(&faults).push(format!("example {example} of {package}: {why}"));
                    }
                }
            });
        }
    });
    let faults = held(&faults);
    Ok(if !faults.is_empty() {
        let hint = "(one that serves until stopped is named in package.metadata.xtask.serving-examples)";
        Outcome::Failed(format!("{} {hint}", faults.join("; ")))
    } else if ran + serving == 0 {
        Outcome::Skipped("no crate has an example".to_owned())
    } else {
        Outcome::Passed(format!("{ran} ran to their end, {serving} serve and were only built"))
    })
}

/// Runs an example, shows in one piece what it printed, and returns what was wrong.
fn fault(example: &str) -> Option<String> {
    let job = Job::program(root().join("target/debug/examples").join(example));
    match job.capture_within(LIMIT, &root().join("target/examples").join(example)) {
        Ok(Outcome::Failed(why)) => Some(why),
        Ok(_) => None,
        Err(error) => Some(format!("{error:#}")),
    }
}

fn next<T>(waiting: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    held(waiting).next()
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an example serves until it is stopped. The manifest names those:
/// `[package.metadata.xtask] serving-examples = ["axum"]`.
fn serves(package: &Package, example: &str) -> bool {
    let names = package.metadata["xtask"]["serving-examples"].as_array();
    names.is_some_and(|names| names.iter().any(|name| name == example))
}
