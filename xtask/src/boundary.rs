// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask boundary`: proves that the free crates are free, and stand without the others.
//!
//! A crate is free or commercial by the licence in its manifest, and nothing else here says which
//! is which: a new crate is judged from its first build on. Each check answers one question, and
//! collects every fault that it finds. Why crates: `docs/adr/0011-open-core-by-crates.md`.

mod copy;
mod defaults;
mod deny;
mod edges;
mod headers;
mod packages;
mod page;
mod secrets;
mod strip;
mod tree;

use std::process::ExitCode;
use std::time::Instant;

use self::tree::Tree;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out building and testing the tree without its commercial folders, the one slow check.
    #[arg(long)]
    quick: bool,
}

/// What a check found: nothing, or each fault in a sentence that says what to mend.
type Faults = Vec<String>;

type Check = fn(&Tree) -> anyhow::Result<Faults>;

const CHECKS: [(&str, Check); 8] = [
    ("no free crate depends on a commercial one, but by a switch of the facade", edges::check),
    ("no default build of a free crate contains a commercial one", defaults::check),
    ("every source file says the licence of its manifest", headers::check),
    ("every crate packages, with the text of its licence", packages::check),
    ("LICENSING.md lists every published crate under its licence", page::check),
    ("no private key is in the tree, but the development key", secrets::check),
    ("cargo deny accepts the free tree, and refuses commercial licences", deny::check),
    ("the tree resolves without its commercial folders", copy::check_resolves),
];

const SLOW: (&str, Check) = ("the tree builds and tests without its commercial folders", copy::check_tests);

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let tree = Tree::load()?;
    println!("{} free crates: {}", tree.free().count(), names(&tree, true));
    println!("{} commercial: {}\n", tree.commercial().count(), names(&tree, false));

    let slow = (!args.quick).then_some(SLOW);
    let mut found = 0;
    for (question, check) in CHECKS.into_iter().chain(slow) {
        let begin = Instant::now();
        println!("- {question}");
        let faults = check(&tree).unwrap_or_else(|error| vec![format!("{error:#}")]);
        for fault in &faults {
            println!("    FAULT: {fault}");
        }
        let verdict = if faults.is_empty() { "holds" } else { "DOES NOT HOLD" };
        println!("    {verdict} ({:.1} s)", begin.elapsed().as_secs_f64());
        found += faults.len();
    }
    println!();
    if args.quick {
        println!("not run, as --quick was given: {}", SLOW.0);
    }
    match found {
        0 => println!("the boundary holds"),
        1 => println!("the boundary does not hold: 1 fault"),
        _ => println!("the boundary does not hold: {found} faults"),
    }
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn names(tree: &Tree, free: bool) -> String {
    let crates = tree.crates().filter(|package| package.is_free() == free);
    crates.map(|package| package.name.as_str()).collect::<Vec<_>>().join(", ")
}
