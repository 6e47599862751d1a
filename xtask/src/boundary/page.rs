// SPDX-License-Identifier: Apache-2.0
//! LICENSING.md, the page that says what is free and what is not: it has to name every crate.

use std::fs;

use anyhow::Context as _;

use super::Faults;
use crate::workspace::{Package, Workspace, is_free, is_published};

const PAGE: &str = "LICENSING.md";

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Faults> {
    let page =
        fs::read_to_string(workspace.root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    Ok(workspace
        .members()
        .into_iter()
        .filter(|package| is_published(package))
        .filter_map(|p| missing(p, &page))
        .collect())
}

/// A row `| `name` | license | ... |`.
fn missing(package: &Package, page: &str) -> Option<String> {
    let license = if is_free(package) { "Apache-2.0" } else { "commercial" };
    let row = format!("| `{}` | {license} |", package.name);
    (!page.lines().any(|line| line.starts_with(&row))).then(|| format!("{PAGE} has no row {row}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workspace::tests::{package, workspace};
    use crate::workspace::{COMMERCIAL, FREE};

    #[test]
    fn a_crate_stands_in_a_row_under_its_license() {
        let packages = [package("a", FREE, json!({})), package("b", COMMERCIAL, json!({}))];
        let workspace = workspace(&packages).unwrap();
        let count = |page: &str| workspace.members().into_iter().filter_map(|p| missing(p, page)).count();
        assert_eq!(count("| `a` | Apache-2.0 | x |\n| `b` | commercial | y |\n"), 0);
        assert_eq!(count("| `a` | commercial | x |\n| `b` | commercial | y |\n"), 1);
        assert_eq!(count("a and b"), 2);
    }
}
