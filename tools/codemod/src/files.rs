// SPDX-License-Identifier: Apache-2.0
//! The Rust files of a tree.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Every Rust file at or below these paths, sorted and without duplicates.
pub(super) fn below(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found)?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let metadata = std::fs::symlink_metadata(path).with_context(|| path.display().to_string())?;
    if metadata.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| path.display().to_string())?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A symbolic link can lead in a circle or out of the tree.
            let is_wanted = !name.starts_with('.') && name != "target" && !entry.file_type()?.is_symlink();
            if is_wanted && (entry.file_type()?.is_dir() || name.ends_with(".rs")) {
                collect(&entry.path(), found)?;
            }
        }
    } else if metadata.is_file() {
        found.push(path.to_owned());
    }
    Ok(())
}
