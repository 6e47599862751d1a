// SPDX-License-Identifier: Apache-2.0
//! cargo-deny over the free tree, with a configuration that does not accept the commercial license.
//!
//! The rest of the configuration is `deny.toml`, so there is one list of accepted licenses. Checked
//! are each published free crate alone, with its default features, and the tree without the
//! commercial folders, with every feature that is left. Each commercial crate has to be refused by
//! the same configuration: a check that cannot fail would prove nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{Faults, copy};
use crate::process::{quiet, text};
use crate::workspace::{COMMERCIAL, Workspace, is_published};

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Faults> {
    let given = fs::read_to_string(workspace.root().join("deny.toml")).context("cannot read deny.toml")?;
    let copy = copy::prepare(workspace)?.join("Cargo.toml");
    let defaults = config(workspace, "deny-defaults.toml", &given, false)?;
    let everything = config(workspace, "deny-everything.toml", &given, true)?;

    // The copy covers the crates that are not published.
    let each = workspace
        .free()
        .filter(|package| is_published(package))
        .map(|package| (package.manifest_path.as_std_path(), &defaults));
    let mut faults = Vec::new();
    for (manifest, config) in each.chain([(copy.as_path(), &everything)]) {
        if let Err(said) = deny(workspace.root(), manifest, config)? {
            faults.push(format!("cargo deny refuses {}:\n{said}", manifest.display()));
        }
    }
    for package in workspace.commercial() {
        match deny(workspace.root(), package.manifest_path.as_std_path(), &defaults)? {
            Err(said) if said.contains(COMMERCIAL) => {}
            _ => faults.push(format!(
                "cargo deny does not refuse {}, so its other answers say nothing",
                package.name
            )),
        }
    }
    Ok(faults)
}

fn deny(folder: &Path, manifest: &Path, config: &Path) -> anyhow::Result<Result<(), String>> {
    let tool = crate::tools::cargo_deny()?;
    // Only errors: the step that checks the whole tree shows warnings.
    let before = ["--log-level", "error", "--manifest-path"].map(Path::new);
    let after = ["check", "--hide-inclusion-graph", "bans", "licenses", "sources"].map(Path::new);
    let args = before.into_iter().chain([manifest, Path::new("--config"), config]).chain(after);
    let output = quiet(tool, folder, args)?;
    Ok(if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) })
}

fn config(workspace: &Workspace, name: &str, given: &str, all_features: bool) -> anyhow::Result<PathBuf> {
    let path = workspace.workshop().join(name);
    fs::write(&path, refusing(given, all_features)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The given configuration without the commercial license.
fn refusing(given: &str, all_features: bool) -> anyhow::Result<String> {
    let mut config: DocumentMut = given.parse().context("deny.toml is not TOML")?;
    config.entry("graph").or_insert(Item::Table(Table::new()))["all-features"] = value(all_features);
    let accepts_ours = |item: &str| item.contains(COMMERCIAL);
    if let Some(licenses) = config.get_mut("licenses").and_then(Item::as_table_like_mut) {
        licenses.remove("exceptions");
        if let Some(allow) = licenses.get_mut("allow").and_then(Item::as_array_mut) {
            allow.retain(|license| !license.as_str().is_some_and(accepts_ours));
        }
    }
    Ok(config.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commercial_license_is_taken_out_wherever_it_was_accepted() {
        let given = "[licenses]\nallow = [\"MIT\", \"LicenseRef-Atrion-Commercial\"]\n\
                     exceptions = [{ crate = \"x\", allow = [\"LicenseRef-Atrion-Commercial\"] }]\n\
                     [bans]\nwildcards = \"deny\"\n";
        let config = refusing(given, false).unwrap();
        assert!(!config.contains(COMMERCIAL), "{config}");
        for kept in ["\"MIT\"", "wildcards = \"deny\"", "all-features = false"] {
            assert!(config.contains(kept), "{kept}: {config}");
        }
    }

    #[test]
    fn exceptions_written_as_tables_are_taken_out_too() {
        let given = "[licenses]\n[[licenses.exceptions]]\ncrate = \"x\"\nallow = [\"LicenseRef-Atrion-Commercial\"]\n";
        assert!(!refusing(given, true).unwrap().contains(COMMERCIAL));
    }
}
