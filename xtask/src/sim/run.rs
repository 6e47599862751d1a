// SPDX-License-Identifier: Apache-2.0
//! `sim run`: one scenario with some policies, with a plot.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use atrion_sim::plot::{Curve, Plot};
use atrion_sim::scenario::AccessLog;
use atrion_sim::score::{Ideal, WEIGHTS};
use atrion_sim::{Components, Record, plant};

use super::common;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A scenario's name, random-SEED-NTH, or a TOML file.
    scenario: String,
    /// A policy, by name, or several, each with its flag.
    #[arg(long = "policy", value_name = "NAME", default_values_t = ["adaptive".to_owned(), "gradient2+tiers".to_owned(), "nothing".to_owned()])]
    policies: Vec<String>,
    /// The seed of all that is drawn at random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take arrivals from an access log of the common or combined format, and the rest from the
    /// scenario.
    #[arg(long, value_name = "FILE")]
    arrivals: Option<PathBuf>,
    /// Write the plot as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write bins and components as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut scenario = common::scenario(&args.scenario)?;
    if let Some(path) = &args.arrivals {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let log = AccessLog::parse(&text);
        println!(
            "{}: {} requests, {} lines without a time",
            path.display(),
            log.arrivals.len(),
            log.unreadable
        );
        anyhow::ensure!(!log.arrivals.is_empty(), "no line of {} has a time", path.display());
        (scenario.load.load, scenario.load.rate, scenario.load.recorded) = (None, None, log.arrivals);
        scenario.change.iter_mut().for_each(|change| (change.load, change.rate) = (None, None));
        scenario.check()?;
    }
    println!("{}: {}\n", scenario.name, scenario.purpose);
    let mut runs = Vec::new();
    for entry in common::entries(&args.policies)? {
        let mut policy = entry.make(&scenario)?;
        let record = plant::run(&scenario, args.seed, policy.as_mut());
        runs.push((entry.name, record));
    }
    let plot = plot(&runs);
    println!("{}", plot.text());
    print!("{:<20}{:>6}", "", "score");
    for (name, _) in WEIGHTS {
        print!("{:>6}", &name[..name.len().min(5)]);
    }
    println!();
    for (name, record) in &runs {
        let components = Components::of(record);
        print!("{name:<20}{:>6.1}", components.score());
        for value in components.list() {
            print!("{:>6}", value.map_or("-".to_owned(), |value| format!("{:.1}", 100.0 * value)));
        }
        println!();
    }
    if let Some(path) = &args.svg {
        common::write(path, &plot.svg())?;
    }
    if let Some(path) = &args.json {
        common::write(path, &serde_json::to_string_pretty(&json(&runs))?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers in time, per second, beside the offered rate and the answers of a perfect gate.
fn plot(runs: &[(String, Record)]) -> Plot {
    let mut curves = Vec::new();
    if let Some((_, record)) = runs.first() {
        let per_second = |count: f64| count / record.width();
        let offered = record.bins().iter().map(|bin| per_second(f64::from(bin.offers()))).collect();
        curves.push(Curve::new("offered", offered));
        let ideal = Ideal::of(record);
        let unscored = std::iter::repeat_n(f64::NAN, record.first_scored());
        let best = ideal.bins.iter().map(|best| per_second(best.succeeded.iter().sum()));
        curves.push(Curve::new("perfect gate", unscored.chain(best).collect()));
    }
    for (name, record) in runs {
        let answered = record.bins().iter().map(|bin| f64::from(bin.successes()) / record.width());
        curves.push(Curve::new(name, answered.collect()));
    }
    let width = runs.first().map_or(1.0, |(_, record)| record.width());
    Plot { title: "answers in time, per second".to_owned(), step: width, unit: "s".to_owned(), curves }
}

fn json(runs: &[(String, Record)]) -> serde_json::Value {
    let all = runs.iter().map(|(name, record)| {
        let components = Components::of(record);
        let bins: Vec<_> = record
            .bins()
            .iter()
            .map(|bin| {
                serde_json::json!({
                    "offered": bin.offered, "succeeded": bin.succeeded, "attempts": bin.attempts,
                    "passed": bin.passed, "failed": bin.failed, "late": bin.late,
                })
            })
            .collect();
        let run = serde_json::json!({ "score": components.score(), "components": components, "bins": bins });
        (name.clone(), run)
    });
    serde_json::json!({ "policies": all.collect::<serde_json::Map<_, _>>() })
}
