// SPDX-License-Identifier: Apache-2.0
//! The files that each crate would put on a registry, as cargo lists them. The text of the license
//! is one of them, and is the same as at the root.

use std::fs;

use super::Faults;
use crate::process::{quiet, text};
use crate::workspace::{Package, Workspace, folder, is_free};

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Faults> {
    let mut faults = Vec::new();
    for package in workspace.members().into_iter() {
        let args = ["package", "--list", "--allow-dirty", "-p", package.name.as_str()];
        let output = quiet("cargo", workspace.root(), args)?;
        if output.status.success() {
            faults.extend(missing(workspace, package, &text(&output.stdout)));
        } else {
            faults.push(format!("cargo package --list -p {}: {}", package.name, text(&output.stderr)));
        }
    }
    Ok(faults)
}

fn missing(workspace: &Workspace, package: &Package, listing: &str) -> Option<String> {
    let name = if is_free(package) { "LICENSE-APACHE" } else { "LICENSE-COMMERCIAL" };
    let (packaged, original) = (folder(package).join(name), workspace.root().join(name));
    if !listing.lines().any(|line| line == name) {
        return Some(format!("{}: the package has no {name}; link it to the one at the root", package.name));
    }
    match (fs::read(&packaged), fs::read(&original)) {
        (Ok(packaged), Ok(original)) if packaged == original => None,
        _ => Some(format!("{}: {name} is not the text at the root", package.name)),
    }
}
