// SPDX-License-Identifier: Apache-2.0
//! `sim table`: policies compared over a set of scenarios.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use atrion_sim::scenario::routes::MIXES;
use atrion_sim::score::WEIGHTS;
use atrion_sim::table::Table;
use atrion_sim::{Set, policy};

use super::common::{self, Counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// named, heldout, callers, nuisance, routes, hasty or random:N:SEED.
    #[arg(long, default_value_t = Set::Named)]
    set: Set,
    /// A policy, by name, or several, each with its flag; all if left out.
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// Also `adaptive` with one law switched off each, and the worth of each law.
    #[arg(long)]
    ablations: bool,
    /// Leave the oracle out, which takes most of the time.
    #[arg(long)]
    no_oracle: bool,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of seeds; if left out, 5 for files and 1 for random plants.
    #[arg(long)]
    seeds: Option<u64>,
    /// Show the score of every scenario for the first policies of the table.
    #[arg(long)]
    scenarios: bool,
    /// Write the table as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scenarios = args.set.scenarios()?;
    let mut entries = if args.set == Set::Routes && args.policies.is_empty() {
        policy::of_routes()
    } else {
        common::entries(&args.policies)?
    };
    if args.ablations {
        entries.extend(policy::ablations());
    }
    let default = if matches!(args.set, Set::Random(..) | Set::Routes) { 1 } else { 5 };
    let seeds = common::seeds(args.seed, args.seeds.unwrap_or(default));
    let oracle = !args.no_oracle;
    let counter = Counter::new(Table::size(&scenarios, &entries, oracle, &seeds));
    let begin = Instant::now();
    let table =
        Table::run(&scenarios, &entries, oracle, &seeds, common::threads(), &|done| counter.at(done))?;
    let took = begin.elapsed().as_secs_f64();
    println!(
        "{}: {} scenarios x {} seeds from {}, {} runs, {:.0} million events in {took:.0} s\n",
        args.set,
        scenarios.len(),
        seeds.len(),
        args.seed,
        table.runs,
        table.events as f64 / 1e6
    );
    print(&table);
    if args.set == Set::Routes {
        print_routes(&table);
    }
    if args.ablations {
        print_ablations(&table);
    }
    if args.scenarios {
        print_scenarios(&table);
    }
    if let Some(path) = &args.json {
        common::write(path, &serde_json::to_string_pretty(&table.to_json())?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Name, score, rank, worst, then the components in hundredths.
fn print(table: &Table) {
    print!("{:<24}{:>5}{:>5}{:>6} |", "policy", "score", "rank", "worst");
    for (name, _) in WEIGHTS {
        print!("{:>4}", &name[..name.len().min(3)]);
    }
    println!();
    for row in &table.rows {
        let rank = if row.realizable { format!("{:.1}", row.rank) } else { "-".to_owned() };
        print!("{:<24}{:>5.1}{rank:>5}{:>6.1} |", row.name, row.score, row.worst);
        for value in row.components.list() {
            print!("{:>4}", value.map_or("-".to_owned(), |value| format!("{:.0}", 100.0 * value)));
        }
        println!();
    }
    let legend: Vec<_> = WEIGHTS.iter().map(|(name, weight)| format!("{name} {weight:.0}")).collect();
    println!("\nweights: {}", legend[..5].join(", "));
    println!("         {}", legend[5..].join(", "));
    println!("rank: mean among realizable policies; worst: the mean score of the worst scenario");
}

/// The worth of each law: the preset with it against the preset without it.
fn print_ablations(table: &Table) {
    let Some(whole) = table.row("adaptive") else { return };
    println!(
        "\n{:<26}{:>6}{:>7}  {:<20} {:<20}",
        "without", "score", "worth", "gains most in", "loses most in"
    );
    for entry in policy::ablations() {
        let Some(row) = table.row(&entry.name) else { continue };
        let worth = |nth: usize| whole.scenarios[nth].0 - row.scenarios[nth].0;
        let by_worth = || (0..table.scenarios.len()).map(|nth| (worth(nth), nth));
        let name = |found: Option<(f64, usize)>| {
            found.map_or_else(String::new, |(worth, nth)| {
                let name = &table.scenarios[nth];
                format!("{worth:+.1} {}", &name[..name.len().min(15)])
            })
        };
        println!(
            "{:<26}{:>6.2}{:>+7.2}  {:<20} {:<20}",
            entry.name.trim_start_matches("no-"),
            row.score,
            whole.score - row.score,
            name(by_worth().max_by(|a, b| a.0.total_cmp(&b.0))),
            name(by_worth().min_by(|a, b| a.0.total_cmp(&b.0))),
        );
    }
    println!("worth: the score of the whole preset minus the score without the law");
}

/// The mean score behind each mix of routes, and what the routes that are well are spared.
fn print_routes(table: &Table) {
    let heads = || {
        for row in &table.rows {
            print!(" {:>9}", &row.name[..row.name.len().min(9)]);
        }
        println!();
    };
    print!("\n{:<24}", "score of the named set");
    heads();
    for mix in MIXES {
        print!("{:<24}", mix.name);
        for row in &table.rows {
            let of_mix = |(name, score): (&String, &(f64, _))| mix.has(name).then_some(score.0);
            let scores: Vec<_> = table.scenarios.iter().zip(&row.scenarios).filter_map(of_mix).collect();
            print!(" {:>9.2}", scores.iter().sum::<f64>() / scores.len().max(1) as f64);
        }
        println!();
    }
    print!("\n{:<24}", "score, spared in %");
    heads();
    for (nth, name) in table.scenarios.iter().enumerate() {
        if MIXES.iter().any(|mix| mix.has(name)) {
            continue;
        }
        print!("{name:<24}");
        for row in &table.rows {
            let (score, components) = &row.scenarios[nth];
            let spared = components.spared.map_or("-".to_owned(), |share| format!("{:.1}", 100.0 * share));
            print!(" {score:>4.0} {spared:>5}");
        }
        println!();
    }
    println!("spared: while a route is in trouble, the requests of the others that were answered in time");
}

fn print_scenarios(table: &Table) {
    let mut shown: Vec<_> = table.rows.iter().take(5).collect();
    for name in ["adaptive", "oracle"] {
        if let Some(row) = table.row(name).filter(|row| !shown.iter().any(|one| one.name == row.name)) {
            shown.push(row);
        }
    }
    print!("\n{:<24}", "scenario");
    for row in &shown {
        print!(" {:>8}", &row.name[..row.name.len().min(8)]);
    }
    println!();
    for (nth, name) in table.scenarios.iter().enumerate() {
        print!("{name:<24}");
        for row in &shown {
            print!(" {:>8.1}", row.scenarios[nth].0);
        }
        println!();
    }
}
