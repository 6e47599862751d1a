// SPDX-License-Identifier: Apache-2.0
//! What cargo resolves for each free crate alone, with its default features, for every platform and
//! over every kind of dependency. This also finds a feature that one free crate switches on in
//! another, which no manifest shows by itself.

use std::collections::BTreeSet;

use super::Faults;
use crate::process::{quiet, text};
use crate::workspace::{Package, Workspace};

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Faults> {
    let commercial = workspace.commercial_names();
    let mut faults = Vec::new();
    for package in workspace.free() {
        let output = quiet("cargo", workspace.root(), arguments(package))?;
        if output.status.success() {
            faults.extend(reached(&package.name, &text(&output.stdout), &commercial));
        } else {
            faults.push(format!("cargo tree -p {}: {}", package.name, text(&output.stderr)));
        }
    }
    Ok(faults)
}

fn arguments(package: &Package) -> [&str; 10] {
    let name = package.name.as_str();
    [
        "tree",
        "-p",
        name,
        "--edges",
        "normal,build,dev",
        "--target",
        "all",
        "--prefix=none",
        "--format={p}",
        "--no-dedupe",
    ]
}

fn reached(name: &str, listing: &str, commercial: &BTreeSet<&str>) -> Faults {
    let found: BTreeSet<_> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
    found
        .intersection(commercial)
        .map(|paid| {
            format!("{name} reaches {paid} by default: cargo tree -p {name} --invert {paid} shows how")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commercial_crate_in_the_listing_is_a_fault_and_a_similar_name_is_not() {
        let commercial = ["atrion-license"].into();
        let listing = "atrion v2.0.0 (/w)\natrion-license-free v1.0.0\nserde v1.0.0\n";
        assert!(reached("atrion", listing, &commercial).is_empty());
        let listing = format!("{listing}atrion-license v2.0.0 (/w)\natrion-license v2.0.0 (/w) (*)\n");
        assert_eq!(reached("atrion", &listing, &commercial).len(), 1);
    }
}
