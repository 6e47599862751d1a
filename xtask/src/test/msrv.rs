// SPDX-License-Identifier: Apache-2.0
//! The stated `rust-version`, of each published crate by itself.
//!
//! Our own code is judged by clippy's `incompatible_msrv`, which the clippy step denies: it knows
//! since when each item of the standard library is stable. What is left is the dependencies, whose
//! manifests state what they need, and the real compiler of that version where it is installed.
//!
//! Crates may differ: a commercial adapter needs what its store's client needs, and states so. What
//! the facade states holds for its free features; with one that brings in a commercial crate, that
//! crate's version holds.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::shell::{Job, Shell};
use super::step::Outcome;
use super::workspace::{Package, Workspace};

pub(super) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let mut checked = 0;
    let mut groups: BTreeMap<[u32; 3], (String, Vec<&Package>)> = BTreeMap::new();
    for member in workspace.members().into_iter().filter(|member| member.is_published()) {
        let stated = member.rust_version.as_ref();
        let stated = stated.with_context(|| format!("{} states no rust-version", member.name))?;
        let needs = version(stated)?;
        for package in workspace.built_into(member) {
            let Some(rust_version) = &package.rust_version else { continue };
            checked += 1;
            if version(rust_version)? > needs {
                return Ok(Outcome::Failed(format!(
                    "{} states rust-version {stated}, but builds in {} {}, which needs {rust_version}",
                    member.name, package.name, package.version
                )));
            }
        }
        groups.entry(needs).or_insert_with(|| (stated.clone(), Vec::new())).1.push(member);
    }

    let mut notes = Vec::new();
    for (stated, members) in groups.into_values() {
        let crates = format!("{stated} of {} crates", members.len());
        let Some(toolchain) = installed(shell, &stated) else {
            notes.push(format!("{crates} by lint (that toolchain is not installed)"));
            continue;
        };
        let outcome = shell.run(build(shell, workspace, &toolchain, &members))?;
        if outcome.is_failure() {
            return Ok(outcome);
        }
        notes.push(format!("{crates} built with it"));
    }
    Ok(Outcome::Passed(format!("{}; {checked} manifests agree", notes.join(", "))))
}

/// These crates, with their own features, by the compiler of that version.
fn build(shell: &Shell, workspace: &Workspace, toolchain: &str, members: &[&Package]) -> Job {
    let named = |member: &&Package| -> Vec<String> {
        let features = workspace.own_features(member).into_iter();
        features.map(|feature| format!("{}/{feature}", member.name)).collect()
    };
    let features: Vec<String> = members.iter().flat_map(named).collect();
    let chosen = members.iter().flat_map(|member| ["-p", member.name.as_str()]);
    Job::program("rustup")
        .args(["run", toolchain, "cargo", "check"])
        .args(chosen)
        .args(["--features", &features.join(",")])
        .env("CARGO_TARGET_DIR", shell.root().join("target/msrv"))
}

/// The name of an installed toolchain of this version.
fn installed(shell: &Shell, stated: &str) -> Option<String> {
    let output = shell.capture(&Job::program("rustup").args(["toolchain", "list"])).ok()?;
    let list = String::from_utf8(output.stdout).ok()?;
    list.lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|name| is_of(name, stated))
        .map(str::to_owned)
}

/// `1.88-x86_64-...` and `1.88.0-x86_64-...` are both of 1.88; `1.880-...` is not.
fn is_of(toolchain: &str, stated: &str) -> bool {
    toolchain
        .split_once('-')
        .and_then(|(number, _)| version(number).ok())
        .zip(version(stated).ok())
        .is_some_and(|(found, stated)| found[..2] == stated[..2])
}

/// `1.88` and `1.88.0` are the same version.
fn version(text: &str) -> anyhow::Result<[u32; 3]> {
    let mut numbers = [0; 3];
    let parts: Vec<&str> = text.split('.').collect();
    anyhow::ensure!(parts.len() <= 3, "{text} is no version");
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part.parse().with_context(|| format!("{text} is no version"))?;
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(version("1.88").unwrap(), version("1.88.0").unwrap());
        assert!(version("1.100").unwrap() > version("1.88.9").unwrap());
        assert!(version("stable").is_err());
    }

    #[test]
    fn a_toolchain_is_known_by_its_number() {
        assert!(is_of("1.88.0-x86_64-unknown-linux-gnu", "1.88"));
        assert!(is_of("1.88-aarch64-apple-darwin", "1.88"));
        assert!(!is_of("1.95.0-x86_64-unknown-linux-gnu", "1.88"));
        assert!(!is_of("stable-x86_64-unknown-linux-gnu", "1.88"));
    }
}
