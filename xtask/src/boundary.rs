// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask boundary`: proves that the free crates build and test without the commercial ones.
//!
//! The license in its manifest makes a crate free or commercial. Nothing else here says which is
//! which, so a new crate is judged from its first build on. Each check answers one question, and
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

use std::process::ExitCode;
use std::time::Instant;

use crate::columns::wrapped;
use crate::workspace::{Workspace, is_free};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out compiling and testing the tree without its commercial folders, the one slow check.
    #[arg(long)]
    quick: bool,
}

/// The faults that a check found, each a sentence that says what to mend.
type Faults = Vec<String>;

type Check = fn(&Workspace) -> anyhow::Result<Faults>;

const CHECKS: [(&str, Check); 8] = [
    ("no free crate needs a commercial one, except by a switch of the facade", edges::check),
    ("no default build of a free crate contains a commercial one", defaults::check),
    ("every source file names the license of its manifest", headers::check),
    ("every crate packages, with the text of its license", packages::check),
    ("LICENSING.md lists every published crate under its license", page::check),
    ("no private key is in the tree, but the development key", secrets::check),
    ("cargo deny accepts the free tree, and refuses commercial licenses", deny::check),
    ("the tree resolves without its commercial folders", copy::check_resolves),
];

const SLOW: (&str, Check) = (
    "the tree compiles without its commercial folders, and what named them passes its tests",
    copy::check_tests,
);

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let faults = check(&Workspace::load()?, args.quick);
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what each check found, and returns the number of faults.
pub(crate) fn check(workspace: &Workspace, quick: bool) -> usize {
    for (side, free) in [("free", true), ("commercial", false)] {
        let names = names(workspace, free);
        println!("{} {side} crates:\n{}", names.len(), wrapped(&names.join(", "), 4));
    }
    println!();

    let slow = (!quick).then_some(SLOW);
    let mut found = 0;
    for (question, check) in CHECKS.into_iter().chain(slow) {
        let begin = Instant::now();
        println!("- {question}");
        let faults = check(workspace).unwrap_or_else(|error| vec![format!("{error:#}")]);
        for fault in &faults {
            println!("    FAULT: {fault}");
        }
        let verdict = if faults.is_empty() { "holds" } else { "DOES NOT HOLD" };
        println!("    {verdict} ({:.1} s)", begin.elapsed().as_secs_f64());
        found += faults.len();
    }
    println!();
    if quick {
        println!("not run, as --quick was given: {}", SLOW.0);
    }
    match found {
        0 => println!("the boundary holds"),
        1 => println!("the boundary does not hold: 1 fault"),
        _ => println!("the boundary does not hold: {found} faults"),
    }
    found
}

fn names(workspace: &Workspace, free: bool) -> Vec<&str> {
    let crates = workspace.members().into_iter().filter(|package| is_free(package) == free);
    crates.map(|package| package.name.as_str()).collect()
}
