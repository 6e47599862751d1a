// SPDX-License-Identifier: Apache-2.0
//! The first line of every source file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Faults;
use crate::workspace::{FREE, Workspace, folder};

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Faults> {
    let crates = workspace
        .members()
        .into_iter()
        .map(|package| (folder(package).to_owned(), package.license.as_deref().unwrap_or(FREE)));
    // The fuzz targets are a workspace of their own.
    let fuzz = (workspace.root().join("fuzz"), FREE);
    let mut faults = Vec::new();
    for (folder, license) in crates.chain([fuzz]) {
        for path in sources(&folder)? {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if !has_header(&text, license) {
                let path = path.strip_prefix(workspace.root()).unwrap_or(&path);
                faults.push(format!("{}: the first line has to be {}", path.display(), header(license)));
            }
        }
    }
    Ok(faults)
}

fn header(license: &str) -> String {
    format!("// SPDX-License-Identifier: {license}")
}

fn has_header(text: &str, license: &str) -> bool {
    text.lines().next() == Some(&header(license))
}

/// Every `.rs` file below a folder, except in `target`.
fn sources(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            if kind.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::root;
    use crate::workspace::COMMERCIAL;

    #[test]
    fn the_header_is_the_first_line_and_names_the_license_of_the_manifest() {
        let text = "// SPDX-License-Identifier: Apache-2.0\n//! Docs.\n";
        assert!(has_header(text, FREE));
        assert!(!has_header(text, COMMERCIAL));
        assert!(!has_header(&format!("\n{text}"), FREE));
        assert!(!has_header("", FREE));
    }

    #[test]
    fn sources_are_found_at_any_depth() {
        let here = root().join("xtask");
        let found = sources(&here).unwrap();
        assert!(found.contains(&here.join("src/boundary/headers.rs")));
        assert!(sources(&here.join("no-such-folder")).unwrap().is_empty());
    }
}
