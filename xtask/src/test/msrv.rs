// SPDX-License-Identifier: Apache-2.0
//! The stated `rust-version`, of each published crate by itself.
//!
//! The clippy step denies `incompatible_msrv` for our own code: the lint knows since when each item
//! of the standard library is stable. This step checks the dependencies, whose manifests state what
//! they need, and runs the compiler of that version where it is installed.
//!
//! Crates may differ: a commercial adapter states what the client of its store needs. The version
//! of the facade holds for its free features; with a feature that brings in a commercial crate, the
//! version of that crate holds.

use std::collections::BTreeMap;

use anyhow::Context as _;
use cargo_metadata::semver::Version;

use super::job::Job;
use crate::outcome::Outcome;
use crate::process::root;
use crate::workspace::{Package, Workspace, is_published};

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let mut checked = 0;
    let mut groups: BTreeMap<&Version, Vec<&Package>> = BTreeMap::new();
    for member in workspace.members().into_iter().filter(|member| is_published(member)) {
        let stated = member.rust_version.as_ref();
        let stated = stated.with_context(|| format!("{} states no rust-version", member.name))?;
        for package in workspace.built_into(member) {
            let Some(rust_version) = &package.rust_version else { continue };
            checked += 1;
            if rust_version > stated {
                return Ok(Outcome::Failed(format!(
                    "{} states rust-version {stated}, but builds in {} {}, which needs {rust_version}",
                    member.name, package.name, package.version
                )));
            }
        }
        groups.entry(stated).or_default().push(member);
    }

    let mut notes = Vec::new();
    for (stated, members) in groups {
        let crates = format!("{stated} of {} crates", members.len());
        let Some(toolchain) = installed(stated) else {
            notes.push(format!("{crates} by lint (that toolchain is not installed)"));
            continue;
        };
        let outcome = build(workspace, &toolchain, &members).run()?;
        if outcome.is_failure() {
            return Ok(outcome);
        }
        notes.push(format!("{crates} built with it"));
    }
    Ok(Outcome::Passed(format!("{}; {checked} manifests agree", notes.join(", "))))
}

/// Checks these crates, with their own features, with that version of the compiler.
fn build(workspace: &Workspace, toolchain: &str, members: &[&Package]) -> Job {
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
        .env("CARGO_TARGET_DIR", root().join("target/msrv"))
}

/// The name of an installed toolchain of this version.
fn installed(stated: &Version) -> Option<String> {
    let output = Job::program("rustup").args(["toolchain", "list"]).capture().ok()?;
    let list = String::from_utf8(output.stdout).ok()?;
    list.lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|name| is_of(name, stated))
        .map(str::to_owned)
}

/// `1.88-x86_64-...` and `1.88.0-x86_64-...` are both of 1.88; `1.880-...` is not.
fn is_of(toolchain: &str, stated: &Version) -> bool {
    let number = toolchain.split_once('-').map_or(toolchain, |(number, _)| number);
    let mut parts = number.split('.').map(str::parse);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor)))
        if (major, minor) == (stated.major, stated.minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_known_by_its_number() {
        let stated = Version::new(1, 88, 0);
        assert!(is_of("1.88.0-x86_64-unknown-linux-gnu", &stated));
        assert!(is_of("1.88-aarch64-apple-darwin", &stated));
        assert!(!is_of("1.880-x86_64-unknown-linux-gnu", &stated));
        assert!(!is_of("1.95.0-x86_64-unknown-linux-gnu", &stated));
        assert!(!is_of("stable-x86_64-unknown-linux-gnu", &stated));
    }
}
