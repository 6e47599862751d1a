// SPDX-License-Identifier: Apache-2.0
//! Gates of many callers before one plant: the grid of `atrion_sim::callers`.

use std::process::ExitCode;
use std::time::Instant;

use atrion_sim::callers::{self, Lived, Outcome, Row};
use atrion_sim::{Scenario, Set, policy};

use super::common::{self, Counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// named, heldout, callers, nuisance, routes, hasty or random:N:SEED.
    #[arg(long, default_value_t = Set::Callers)]
    set: Set,
    /// A policy, by name, or several, each with its flag.
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// Only rows whose name contains this, for example `k10-` or `joining`.
    #[arg(long)]
    rows: Option<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Show the score of every scenario.
    #[arg(long)]
    scenarios: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scenarios = args.set.scenarios()?;
    let entries =
        if args.policies.is_empty() { policy::of_callers() } else { common::entries(&args.policies)? };
    let rows = common::rows(callers::rows(), Row::to_string, args.rows.as_deref())?;
    let seeds = common::seeds(args.seed, args.seeds);
    let runs = scenarios.len() * entries.len() * rows.len() * seeds.len();
    let (counter, begin) = (Counter::new(runs), Instant::now());
    let lived =
        callers::live(&scenarios, &rows, &entries, &seeds, common::threads(), &|done| counter.at(done))?;
    println!(
        "callers of one plant: {}, {} scenarios x {} seeds from {}, {runs} runs in {:.0} s",
        args.set,
        scenarios.len(),
        seeds.len(),
        args.seed,
        begin.elapsed().as_secs_f64()
    );
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    print("score", &names, &lived, |outcome| Some(outcome.score), 1);
    print("fairness between callers, Jain", &names, &lived, |outcome| outcome.jain, 3);
    print("seconds until one that has come is settled", &names, &lived, |outcome| outcome.settled, 1);
    if args.scenarios {
        print_scenarios(&scenarios, &names, &lived);
    }
    Ok(ExitCode::SUCCESS)
}

/// One value of every row and policy; nothing where no row has it.
fn print(
    what: &str,
    names: &[&str],
    lived: &[Lived],
    value: impl Fn(&Outcome) -> Option<f64>,
    digits: usize,
) {
    let valued = |one: &&Lived| one.outcomes.iter().any(|(mean, _)| value(mean).is_some());
    let shown: Vec<&Lived> = lived.iter().filter(valued).collect();
    if shown.is_empty() {
        return;
    }
    println!("\n{what}");
    heads(names);
    for one in shown {
        print!("{:<24}", one.row.to_string());
        for (mean, _) in &one.outcomes {
            let text = value(mean).map_or("-".to_owned(), |value| format!("{value:.digits$}"));
            print!(" {text:>10}");
        }
        println!();
    }
}

fn print_scenarios(scenarios: &[Scenario], names: &[&str], lived: &[Lived]) {
    for one in lived {
        println!("\n{}", one.row);
        heads(names);
        for (nth, scenario) in scenarios.iter().enumerate() {
            print!("{:<24}", scenario.name);
            one.outcomes.iter().for_each(|(_, all)| print!(" {:>10.1}", all[nth].score));
            println!();
        }
    }
}

fn heads(names: &[&str]) {
    print!("{:<24}", "");
    names.iter().for_each(|name| print!(" {:>10}", &name[..name.len().min(10)]));
    println!();
}
