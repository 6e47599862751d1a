// SPDX-License-Identifier: Apache-2.0

use std::process::ExitCode;

use atrion_sim::{Set, policy};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// named, heldout or random:N:SEED; both sets of files if left out.
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
            wrap(&scenario.purpose);
        }
        println!();
    }
    println!("policies, and `oracle`, which no gate can be:");
    for entry in policy::all() {
        println!("  {}", entry.name);
    }
    println!("ablations of `adaptive` (table --ablations):");
    for entry in policy::ablations() {
        println!("  {}", entry.name);
    }
    Ok(ExitCode::SUCCESS)
}

/// Into 80 columns, under its name.
fn wrap(text: &str) {
    let mut line = String::from("     ");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 80 {
            println!("{line}");
            line = String::from("     ");
        }
        line.push(' ');
        line.push_str(word);
    }
    println!("{line}");
}
