// SPDX-License-Identifier: Apache-2.0
//! A dry run of a release: packages every published crate, in the order of the releases.
//!
//! Cargo sorts the crates so that each comes after those that it depends on, and resolves each
//! package against the packages before it, as a registry would. It does not build them (the tests
//! do), and needs no network. `CONTRIBUTING.md` has to state the same order.

use super::job::Job;
use crate::columns::wrapped;
use crate::outcome::Outcome;
use crate::process::{root, text};
use crate::workspace::{Workspace, is_published};

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let members = workspace.members();
    let kept_back = members.iter().filter(|package| !is_published(package));
    let exclude = kept_back.flat_map(|package| ["--exclude", package.name.as_str()]);
    let output = Job::cargo(["package", "--workspace", "--no-verify", "--allow-dirty", "--offline"])
        .args(exclude)
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TARGET_DIR", root().join("target/package-dry-run"))
        .capture()?;
    let said = text(&output.stderr);
    let order = order(&said);
    Ok(if !output.status.success() {
        Outcome::Failed(said)
    } else if order.len() != members.iter().filter(|package| is_published(package)).count() {
        Outcome::Failed(format!("cargo packaged only {}", order.join(", ")))
    } else if !states(&std::fs::read_to_string(root().join("CONTRIBUTING.md"))?, &order) {
        Outcome::Failed(format!("CONTRIBUTING.md states another order than {}", order.join(", ")))
    } else {
        println!("order of the releases:\n{}", wrapped(&order.join(", "), 4));
        Outcome::Passed(format!("{} crates", order.len()))
    })
}

/// The crates in the order in which cargo packaged them.
fn order(said: &str) -> Vec<&str> {
    let packaged = said.lines().filter_map(|line| line.trim_start().strip_prefix("Packaging "));
    packaged.filter_map(|rest| rest.split(' ').next()).collect()
}

/// Whether a page has the crates in that order, as one list.
fn states(page: &str, order: &[&str]) -> bool {
    let words: Vec<&str> = page.split_whitespace().map(|word| word.trim_end_matches(',')).collect();
    words.windows(order.len()).any(|list| list == order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_order_or_the_step_fails() {
        let page = "Crates go in this order:\n\nb, a,\nc\n\nand not otherwise.";
        assert!(
            states(page, &["b", "a", "c"]) && !states(page, &["a", "b", "c"]) && !states("b,", &["b", "a"])
        );
    }

    #[test]
    fn the_order_is_that_in_which_cargo_packages() {
        let said = "   Packaging b v2.0.0 (/w/b)\n    Packaged 9 files, 3KiB\nwarning: x\n   Packaging a v2.0.0 (/w/a)\n";
        assert_eq!(order(said), ["b", "a"]);
    }
}
