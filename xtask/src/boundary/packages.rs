// SPDX-License-Identifier: Apache-2.0
//! What each crate would put on a registry: the list that cargo makes, and in it the text of the
//! licence, the same as at the root.

use std::fs;

use super::Faults;
use super::tree::{Package, Tree, quiet, text};

pub(super) fn check(tree: &Tree) -> anyhow::Result<Faults> {
    let mut faults = Vec::new();
    for package in tree.crates() {
        let args = ["package", "--list", "--allow-dirty", "-p", &package.name];
        let output = quiet("cargo", &tree.root, args)?;
        if output.status.success() {
            faults.extend(missing(tree, package, &text(&output.stdout)));
        } else {
            faults.push(format!("cargo package --list -p {}: {}", package.name, text(&output.stderr)));
        }
    }
    Ok(faults)
}

fn missing(tree: &Tree, package: &Package, listing: &str) -> Option<String> {
    let name = if package.is_free() { "LICENSE-APACHE" } else { "LICENSE-COMMERCIAL" };
    let (packaged, original) = (package.folder().join(name), tree.root.join(name));
    if !listing.lines().any(|line| line == name) {
        return Some(format!("{}: the package has no {name}; link it to the one at the root", package.name));
    }
    match (fs::read(&packaged), fs::read(&original)) {
        (Ok(packaged), Ok(original)) if packaged == original => None,
        _ => Some(format!("{}: {name} is not the text at the root", package.name)),
    }
}
