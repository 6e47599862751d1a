// SPDX-License-Identifier: Apache-2.0
//! What gates refuse in health: the grid of `atrion_sim::steady`, beside an omniscient gate.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use atrion_sim::policy::Entry;
use atrion_sim::steady::{self, Lived, Row};

use super::common::{self, Counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A policy, by name, or several, each with its flag.
    #[arg(long = "policy", value_name = "NAME", default_values_t = ["adaptive", "gradient2+tiers", "first-law"].map(String::from))]
    policies: Vec<String>,
    /// Only rows whose name contains this, for example `w2-exp` or `every500ms`.
    #[arg(long)]
    rows: Option<String>,
    /// How long each life is.
    #[arg(long, default_value_t = 600.0, value_parser = minutes)]
    seconds: f64,
    /// Lives of so many days, through a few rows of small services.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u32).range(1..=11))]
    days: Option<u32>,
    /// The seed of every life.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many of the worst rows are shown.
    #[arg(long, default_value_t = 20)]
    worst: usize,
    /// Write every row as JSON, minute by minute.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|seconds| (60.0..=1e6).contains(seconds))
        .ok_or_else(|| format!("60..=1e6 seconds, got {text:?}"))
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let entries = common::entries(&args.policies)?;
    let all = if args.days.is_some() { steady::of_a_day() } else { steady::rows() };
    let rows = common::rows(all, Row::name, args.rows.as_deref())?;
    let seconds = args.days.map_or(args.seconds, |days| 86_400.0 * f64::from(days));
    let (counter, begin) = (Counter::new(rows.len()), Instant::now());
    let progress = |done| counter.at(done);
    let lived = steady::live(&rows, &entries, seconds, args.seed, common::threads(), &progress)?;
    println!(
        "steady: {} rows of {:.0} s, seed {}, in {:.0} s\n",
        lived.len(),
        seconds,
        args.seed,
        begin.elapsed().as_secs_f64()
    );
    summary(&lived, &entries);
    if args.days.is_some() {
        hours(&lived, &entries);
    }
    against(&lived, &entries);
    by_size(&lived, &entries);
    by_kind(&lived, &entries);
    worst(&lived, &entries, args.worst);
    if let Some(path) = &args.json {
        common::write(path, &serde_json::to_string_pretty(&json(&lived, &entries, seconds, args.seed))?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// In percent, for each policy, apart for the rows that have the goal and for the others: the mean
/// over the rows, the worst row, the worst minute, and the rows over the goal.
fn summary(lived: &[Lived], entries: &[Entry]) {
    for (title, has_goal) in [("at 85 % and below", true), ("above", false)] {
        let rows: Vec<_> = lived.iter().filter(|one| one.has_goal() == has_goal).collect();
        if rows.is_empty() {
            continue;
        }
        println!(
            "{:<26}{:>9}{:>12}{:>14}{:>22}",
            format!("refused {title}, %"),
            "mean",
            "worst row",
            "worst minute",
            if has_goal { "rows over the goal" } else { "" },
        );
        for (nth, entry) in entries.iter().enumerate() {
            let shares = || rows.iter().map(|one| one.refused[nth].share);
            let minute = rows.iter().map(|one| one.refused[nth].worst_minute()).fold(0.0, f64::max);
            let over = rows.iter().filter(|one| one.excess(nth) > 0.0).count();
            println!(
                "{:<26}{:>9.3}{:>12.2}{:>14.1}{:>22}",
                entry.name,
                100.0 * shares().sum::<f64>() / rows.len() as f64,
                100.0 * shares().fold(0.0, f64::max),
                100.0 * minute,
                if has_goal { format!("{over} of {}", rows.len()) } else { String::new() },
            );
        }
        println!();
    }
    println!("goal, at 85 % and below: 0.1 % and twice what an omniscient gate refuses\n");
}

/// Of long lives, in percent: what every policy refuses in the first and in the last hour of each
/// row.
fn hours(lived: &[Lived], entries: &[Entry]) {
    print!("{:<46}", "first and last hour, %");
    entries.iter().for_each(|entry| print!("{:>18}", entry.name));
    println!("{:>9}", "omnisc.");
    for one in lived {
        print!("{:<46}", one.row.name().trim_start_matches("steady-"));
        for refused in &one.refused {
            let (first, last) = refused.hours();
            print!("{:>9.2}{:>9.2}", 100.0 * first, 100.0 * last);
        }
        println!("{:>9.2}", 100.0 * one.omniscient);
    }
    println!();
}

/// On how many rows the first policy refuses more than each of the others.
fn against(lived: &[Lived], entries: &[Entry]) {
    for (other, entry) in entries.iter().enumerate().skip(1) {
        let worse = || lived.iter().filter(|one| one.is_worse(0, other));
        println!(
            "{} refuses more than {}, by 0.1 % of all or more, on {} rows, {} of them at 85 % and below",
            entries[0].name,
            entry.name,
            worse().count(),
            worse().filter(|one| one.has_goal()).count(),
        );
    }
    println!();
}

/// Rows of the first policy over the goal, by arrivals and SLO: which kind of service is hurt.
fn by_kind(lived: &[Lived], entries: &[Entry]) {
    let kind = |row: &Row| {
        let name = row.name();
        let mut words = name.split('-').skip(4);
        let (slo, coming) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        format!("{coming}, {slo}{}", if row.retries { ", retries" } else { "" })
    };
    let mut kinds: BTreeMap<String, (usize, usize, f64)> = BTreeMap::new();
    for one in lived.iter().filter(|one| one.has_goal()) {
        let (rows, over, excess) = kinds.entry(kind(&one.row)).or_default();
        *rows += 1;
        *over += usize::from(one.excess(0) > 0.0);
        *excess += one.excess(0).max(0.0);
    }
    println!("{:<34}{:>14}{:>22}", entries[0].name, "over the goal", "by, mean of all, %");
    for (kind, (rows, over, excess)) in kinds {
        println!("  {kind:<32}{:>14}{:>22.3}", format!("{over} of {rows}"), 100.0 * excess / rows as f64);
    }
    println!();
}

/// Means by number of workers and load: where the trouble is.
fn by_size(lived: &[Lived], entries: &[Entry]) {
    let mut sizes: Vec<u32> = lived.iter().map(|one| one.row.workers).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let loads = [0.5, 0.7, 0.85, 0.92];
    for (nth, entry) in entries.iter().enumerate() {
        print!("{:<22}", format!("{}, %", entry.name));
        sizes.iter().for_each(|size| print!("{:>7}", format!("w{size}")));
        println!();
        for load in loads {
            print!("  at {:<17}", format!("{:.0} %", 100.0 * load));
            for size in &sizes {
                let here = |one: &&Lived| one.row.workers == *size && (one.row.load - load).abs() < 1e-9;
                let shares: Vec<f64> = lived.iter().filter(here).map(|one| one.refused[nth].share).collect();
                if shares.is_empty() {
                    print!("{:>7}", "-");
                } else {
                    print!("{:>7.2}", 100.0 * shares.iter().sum::<f64>() / shares.len() as f64);
                }
            }
            println!();
        }
    }
    println!();
}

/// The rows on which the first policy refuses the most beyond what it may.
fn worst(lived: &[Lived], entries: &[Entry], most: usize) {
    let mut order: Vec<&Lived> = lived.iter().collect();
    order.sort_by(|a, b| b.excess(0).total_cmp(&a.excess(0)));
    print!("{:<46}", format!("worst rows of {}, %", entries[0].name));
    for entry in entries.iter().take(3) {
        print!("{:>9}", entry.name.chars().take(8).collect::<String>());
    }
    println!("{:>9}", "omnisc.");
    for one in order.into_iter().take(most) {
        print!("{:<46}", one.row.name().trim_start_matches("steady-"));
        one.refused.iter().take(3).for_each(|refused| print!("{:>9.2}", 100.0 * refused.share));
        println!("{:>9.2}", 100.0 * one.omniscient);
    }
}

fn json(lived: &[Lived], entries: &[Entry], seconds: f64, seed: u64) -> serde_json::Value {
    let rows = lived.iter().map(|one| {
        let policies = entries.iter().zip(&one.refused).map(|(entry, refused)| {
            let value = serde_json::json!({ "share": refused.share, "minutes": refused.minutes });
            (entry.name.clone(), value)
        });
        serde_json::json!({
            "row": one.row.name(),
            "omniscient": one.omniscient,
            "refused": policies.collect::<serde_json::Map<_, _>>(),
        })
    });
    serde_json::json!({ "seconds": seconds, "seed": seed, "rows": rows.collect::<Vec<_>>() })
}
