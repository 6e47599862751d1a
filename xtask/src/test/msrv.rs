// SPDX-License-Identifier: Apache-2.0
//! The stated `rust-version`.
//!
//! Our own code is judged by clippy's `incompatible_msrv`, which the clippy step denies: it knows
//! since when each item of the standard library is stable. What is left is the dependencies, whose
//! manifests state what they need, and the real compiler of that version where it is installed.

use anyhow::Context as _;

use super::shell::{Job, Shell};
use super::step::Outcome;
use super::workspace::{Package, Workspace};

pub(super) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let stated = stated(workspace)?;
    let needs = version(&stated)?;

    let mut checked = 0;
    for member in workspace.members().into_iter().filter(|member| member.is_published()) {
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
    }

    let toolchain = installed(shell, &stated);
    let Some(toolchain) = toolchain else {
        return Ok(Outcome::Passed(format!(
            "{stated} by lint and by {checked} manifests; that toolchain is not installed, so no build"
        )));
    };
    let target = shell.root().join("target/msrv");
    let published = workspace.members().into_iter().filter(|member| member.is_published());
    let chosen: Vec<&str> = published.flat_map(|member| ["-p", member.name.as_str()]).collect();
    let outcome = shell.run(
        Job::program("rustup")
            .args(["run", &toolchain, "cargo", "check", "--all-features"])
            .args(chosen)
            .env("CARGO_TARGET_DIR", target),
    )?;
    Ok(match outcome {
        Outcome::Passed(_) => Outcome::Passed(format!("{stated}, built with it")),
        other => other,
    })
}

/// The one version that all members state.
fn stated(workspace: &Workspace) -> anyhow::Result<String> {
    let members = workspace.members();
    let first = members.first().context("the workspace has no members")?;
    let of = |package: &Package| {
        package.rust_version.clone().with_context(|| format!("{} states no rust-version", package.name))
    };
    let stated = of(first)?;
    for member in &members {
        let other = of(member)?;
        anyhow::ensure!(
            other == stated,
            "{} states rust-version {other}, {} states {stated}",
            member.name,
            first.name
        );
    }
    Ok(stated)
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
