// SPDX-License-Identifier: Apache-2.0
//! `sim list`: names every scenario and every policy.

use std::process::ExitCode;

use atrion_sim::{Set, policy};

use crate::columns::wrapped;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// named, heldout, callers, nuisance, routes, hasty or random:N:SEED; named and heldout if left out.
    #[arg(long)]
    set: Option<Set>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let sets = args.set.map_or(vec![Set::Named, Set::Heldout], |set| vec![set]);
    for set in sets {
        let scenarios = set.scenarios()?;
        println!("{set}: {} scenarios", scenarios.len());
        for scenario in scenarios {
            println!(
                "  {} ({:.0} s, {:.0}/s capacity)",
                scenario.name,
                scenario.seconds,
                scenario.capacity()
            );
            println!("{}", wrapped(&scenario.purpose, 6));
        }
        println!();
    }
    println!("policies, and `oracle`, which no real gate can be:");
    for entry in policy::all().into_iter().chain(policy::patient()) {
        println!("  {}", entry.name);
    }
    println!("ablations of `adaptive` (table --ablations):");
    for entry in policy::ablations() {
        println!("  {}", entry.name);
    }
    Ok(ExitCode::SUCCESS)
}
