// SPDX-License-Identifier: Apache-2.0
//! What others are refused while a client holds slots: the grid of `atrion_sim::nuisance`.

use std::process::ExitCode;
use std::time::Instant;

use atrion_sim::nuisance::{self, GOAL, Lived, Row};

use super::common::{self, Counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A policy, by name, or several, each with its flag.
    #[arg(long = "policy", value_name = "NAME", default_values_t = ["adaptive", "gradient2+tiers"].map(String::from))]
    policies: Vec<String>,
    /// Only rows whose name contains this, for example `uploads20` or `fast50`.
    #[arg(long)]
    rows: Option<String>,
    /// The seed of every life.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many of the worst rows are shown.
    #[arg(long, default_value_t = 20)]
    worst: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let entries = common::entries(&args.policies)?;
    let rows = common::rows(nuisance::rows(), Row::name, args.rows.as_deref())?;
    let (counter, begin) = (Counter::new(rows.len()), Instant::now());
    let lived = nuisance::live(&rows, &entries, args.seed, common::threads(), &|done| counter.at(done))?;
    let took = begin.elapsed().as_secs_f64();
    println!("nuisance: {} rows, seed {}, in {took:.0} s\n", lived.len(), args.seed);
    println!("{:<22}{:>9}{:>12}{:>22}", "refused to others, %", "mean", "worst row", "rows over 1 %");
    for (nth, entry) in entries.iter().enumerate() {
        let shares = || lived.iter().map(|one| one.refused[nth]);
        println!(
            "{:<22}{:>9.3}{:>12.2}{:>22}",
            entry.name,
            100.0 * shares().sum::<f64>() / lived.len() as f64,
            100.0 * shares().fold(0.0, f64::max),
            format!("{} of {}", shares().filter(|share| *share > GOAL).count(), lived.len()),
        );
    }
    let mut worst: Vec<&Lived> = lived.iter().collect();
    worst.sort_by(|a, b| b.refused[0].total_cmp(&a.refused[0]));
    println!("\n{:<42}{}", "the worst rows of the first policy, %", args.policies.join("  "));
    for one in worst.iter().take(args.worst) {
        print!("{:<42}", one.row.name());
        one.refused.iter().for_each(|share| print!("{:>9.2}", 100.0 * share));
        println!();
    }
    Ok(ExitCode::SUCCESS)
}
