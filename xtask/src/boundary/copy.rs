// SPDX-License-Identifier: Apache-2.0
//! Resolves, compiles and tests a copy of the tree without its commercial folders.
//!
//! A package whose manifest lost nothing is the same package in both trees, with the same
//! dependencies: its tests have passed in the whole tree, and in the copy it has to compile. What
//! named a commercial crate is another package in the copy, and passes its tests there, too.
//!
//! The copy and its build stay under `target/boundary`. Files that did not change are not written
//! again, so a second run builds only what changed. The copy does not share the usual target
//! folder: there cargo would take the two trees for one and rebuild both in turn.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Faults, strip};
use crate::process::{command, quiet, text};
use crate::workspace::{Workspace, folder, resolved_names};

/// Every file that git tracks or would add, relative to the root.
pub(super) fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let output = quiet("git", root, args)?;
    anyhow::ensure!(output.status.success(), "git ls-files: {}", text(&output.stderr));
    let names = String::from_utf8_lossy(&output.stdout);
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

/// Makes the copy, or brings it up to date, and returns its folder.
pub(super) fn prepare(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let target = workspace.workshop().join("tree");
    fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
    let commercial = workspace.commercial_names();
    let folders: Vec<&Path> =
        workspace.commercial().filter_map(|p| folder(p).strip_prefix(workspace.root()).ok()).collect();

    let mut kept = BTreeSet::new();
    for path in files(workspace.root())? {
        if folders.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        // Git lists a deleted file until the deletion is committed.
        let Ok(mut bytes) = fs::read(workspace.root().join(&path)) else { continue };
        if path.ends_with("Cargo.toml") {
            let manifest =
                String::from_utf8(bytes).with_context(|| format!("{} is not text", path.display()))?;
            bytes = strip::without(&manifest, &commercial)
                .with_context(|| path.display().to_string())?
                .into_bytes();
        }
        write_if_changed(&target.join(&path), &bytes)?;
        kept.insert(path);
    }
    remove_others(&target, &target, &kept)?;
    Ok(target)
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Removes from the copy what is no longer in the tree.
fn remove_others(root: &Path, folder: &Path, kept: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let relative = path.strip_prefix(root).unwrap_or(&path);
        if path.is_dir() {
            if kept.iter().any(|file| file.starts_with(relative)) {
                remove_others(root, &path, kept)?;
            } else {
                fs::remove_dir_all(&path)?;
            }
        } else if !kept.contains(relative) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

pub(super) fn check_resolves(workspace: &Workspace) -> anyhow::Result<Faults> {
    let copy = prepare(workspace)?;
    let resolved = resolved_names(&copy)?;
    let found = workspace.commercial_names().into_iter().filter(|name| resolved.contains(*name));
    Ok(found.map(|name| format!("{name} is still in the tree without the commercial folders")).collect())
}

pub(super) fn check_tests(workspace: &Workspace) -> anyhow::Result<Faults> {
    let copy = prepare(workspace)?;
    println!("    in {}; the first run compiles everything once more", copy.display());
    // Benches are left out: they measure, in a crate that is not published.
    let targets = ["--lib", "--bins", "--tests", "--examples"];
    let mut jobs = vec![[&["check", "--workspace"], &targets[..]].concat()];
    for name in changed(workspace, &copy)? {
        jobs.push([&["test", "--no-fail-fast", "--package", name], &targets[..]].concat());
    }
    let mut faults = Faults::new();
    for args in jobs {
        println!("    $ cargo {}", args.join(" "));
        let status = command("cargo", &copy)
            .args(&args)
            .arg("--quiet")
            .env("CARGO_TARGET_DIR", workspace.workshop().join("build"))
            // This build is not debugged; without debug tables it takes half the disk.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // The test of the whole tree denies warnings and tries properties at length.
            .env("RUSTFLAGS", "-A warnings")
            .env("PROPTEST_CASES", "8")
            .status()
            .context("cannot run cargo")?;
        if !status.success() {
            faults.push(format!("cargo {} without the commercial folders: {status}", args.join(" ")));
        }
    }
    Ok(faults)
}

/// The free packages whose manifest is another one in the copy.
fn changed<'a>(workspace: &'a Workspace, copy: &Path) -> anyhow::Result<Vec<&'a str>> {
    let mut changed = Vec::new();
    for package in workspace.free() {
        let manifest = package.manifest_path.as_std_path();
        let other = copy.join(manifest.strip_prefix(workspace.root())?);
        if fs::read(manifest)? != fs::read(&other).with_context(|| other.display().to_string())? {
            changed.push(package.name.as_str());
        }
    }
    anyhow::ensure!(!changed.is_empty(), "no manifest names a commercial crate");
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::root;

    #[test]
    fn the_copy_follows_the_tree_and_leaves_alone_what_did_not_change() {
        let folder = root().join("target/boundary/test-copy");
        let _ = fs::remove_dir_all(&folder);
        let file = folder.join("a/b.rs");
        write_if_changed(&file, b"one").unwrap();
        write_if_changed(&folder.join("old/c.rs"), b"gone").unwrap();
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        write_if_changed(&file, b"one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
        remove_others(&folder, &folder, &[PathBuf::from("a/b.rs")].into()).unwrap();
        assert!(file.exists() && !folder.join("old").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_list_of_files_holds_this_one_and_nothing_that_was_built() {
        if !root().join(".git").exists() {
            // The copy without commercial folders is no repository.
            return;
        }
        let files = files(root()).unwrap();
        assert!(files.contains(&PathBuf::from("xtask/src/boundary.rs")));
        assert!(!files.iter().any(|file| file.starts_with("target")));
    }
}
