// SPDX-License-Identifier: Apache-2.0
//! The one page that tells people what is free and what is not: it has to be complete.

use std::fs;

use anyhow::Context as _;

use super::Faults;
use super::tree::{Package, Tree};

const PAGE: &str = "LICENSING.md";

pub(super) fn check(tree: &Tree) -> anyhow::Result<Faults> {
    let page = fs::read_to_string(tree.root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    Ok(tree.crates().filter(|package| package.is_published()).filter_map(|p| missing(p, &page)).collect())
}

/// A row `| `name` | licence | ... |`.
fn missing(package: &Package, page: &str) -> Option<String> {
    let license = if package.is_free() { "Apache-2.0" } else { "commercial" };
    let row = format!("| `{}` | {license} |", package.name);
    (!page.lines().any(|line| line.starts_with(&row))).then(|| format!("{PAGE} has no row {row}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::tree::tests::tree;
    use crate::boundary::tree::{COMMERCIAL, FREE};

    #[test]
    fn a_crate_stands_in_a_row_under_its_licence() {
        let rest = r#""publish":null,"dependencies":[],"features":{}"#;
        let tree = tree(&[("a", FREE, rest), ("b", COMMERCIAL, rest)]);
        let count = |page: &str| tree.crates().filter_map(|package| missing(package, page)).count();
        assert_eq!(count("| `a` | Apache-2.0 | x |\n| `b` | commercial | y |\n"), 0);
        assert_eq!(count("| `a` | commercial | x |\n| `b` | commercial | y |\n"), 1);
        assert_eq!(count("a and b"), 2);
    }
}
