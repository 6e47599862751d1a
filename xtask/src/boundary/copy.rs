// SPDX-License-Identifier: Apache-2.0
//! The tree without its commercial folders, in a copy: does it still resolve, build and test?
//!
//! The copy and what is built from it stay under `target/boundary`, and files that did not change
//! are not written again, so that a second run builds only what changed. It does not share the
//! usual target folder: there cargo would take the two trees for one and rebuild both in turn.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::tree::{Tree, command, quiet, text};
use super::{Faults, strip};

/// Every file that is, or could be, in the repository, relative to the root.
pub(super) fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let output = quiet("git", root, args)?;
    anyhow::ensure!(output.status.success(), "git ls-files: {}", text(&output.stderr));
    let names = String::from_utf8_lossy(&output.stdout);
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

/// Makes the copy, or brings it up to date; gives its folder.
pub(super) fn prepare(tree: &Tree) -> anyhow::Result<PathBuf> {
    let target = tree.workshop().join("tree");
    fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
    let commercial = tree.commercial_names();
    let folders: Vec<&Path> =
        tree.commercial().filter_map(|p| p.folder().strip_prefix(&tree.root).ok()).collect();

    let mut kept = BTreeSet::new();
    for path in files(&tree.root)? {
        if folders.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        // Listed by git and gone from the disk: deleted and not yet committed.
        let Ok(mut bytes) = fs::read(tree.root.join(&path)) else { continue };
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

pub(super) fn check_resolves(tree: &Tree) -> anyhow::Result<Faults> {
    let copy = prepare(tree)?;
    let output = quiet("cargo", &copy, ["metadata", "--format-version", "1", "--all-features"])?;
    if !output.status.success() {
        return Ok(vec![format!("cargo metadata in {}: {}", copy.display(), text(&output.stderr))]);
    }
    let resolved = Tree::names(&output.stdout)?;
    let found = tree.commercial_names().into_iter().filter(|name| resolved.contains(*name));
    Ok(found.map(|name| format!("{name} is still in the tree without the commercial folders")).collect())
}

pub(super) fn check_tests(tree: &Tree) -> anyhow::Result<Faults> {
    let copy = prepare(tree)?;
    println!("    in {}; the first run builds everything once more", copy.display());
    // Benches are left out: they measure, in a crate that is not published.
    let args = ["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"];
    println!("    $ cargo {}", args.join(" "));
    let status = command("cargo", &copy)
        .args(args)
        .arg("--quiet")
        .env("CARGO_TARGET_DIR", tree.workshop().join("build"))
        // Nobody will debug this build; without the tables it takes half the disk.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // Warnings are judged, and properties tried at length, where the whole tree is tested.
        .env("RUSTFLAGS", "-A warnings")
        .env("PROPTEST_CASES", "8")
        .status()
        .context("cannot run cargo")?;
    let failed = (!status.success())
        .then(|| format!("cargo {} without the commercial folders: {status}", args.join(" ")));
    Ok(failed.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_follows_the_tree_and_leaves_alone_what_did_not_change() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/boundary/test-copy");
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
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        if !root.join(".git").exists() {
            // In the copy without commercial folders there is no repository to ask.
            return;
        }
        let files = files(&root).unwrap();
        assert!(files.contains(&PathBuf::from("xtask/src/boundary.rs")));
        assert!(!files.iter().any(|file| file.starts_with("target")));
    }
}
