// SPDX-License-Identifier: Apache-2.0
//! The benefit and the cost of sharing scars, by gamma and by the size of the fleet.

mod trade_off;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use atrion_core::{Direction, Gamma};
use atrion_sim::fleet::{Braking, Class, Grid, Row, SECONDS, Trouble};

use super::common::{self, Counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The sizes of the fleets, in nodes. A run of 200 nodes takes more than ten seconds of a core.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 5, 20, 50])]
    nodes: Vec<usize>,
    /// The weights of the fleet against the node itself.
    #[arg(long, value_delimiter = ',', value_parser = gamma, default_values = ["0", "0.1", "0.2", "0.3", "0.5", "0.7", "1"])]
    gamma: Vec<Gamma>,
    /// The faults; all of them if left out.
    #[arg(long, value_delimiter = ',')]
    trouble: Vec<Trouble>,
    /// The fleet may raise a node's gate and never lower it.
    #[arg(long)]
    raise_only: bool,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of seeds; if left out, as many as make a hundred nodes, at most ten.
    #[arg(long)]
    seeds: Option<u64>,
    /// Write the table as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the plot as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn gamma(text: &str) -> Result<Gamma, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Gamma::new(number).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let grids: Vec<_> = args.nodes.iter().map(|nodes| grid(args, *nodes)).collect();
    let lives = grids.iter().map(Grid::lives).sum();
    let counter = Counter::new(lives);
    let begin = Instant::now();
    let (mut rows, mut lived) = (Vec::new(), 0);
    for grid in &grids {
        rows.extend(grid.live(common::threads(), &|done| counter.at(lived + done))?);
        lived += grid.lives();
    }
    println!(
        "{lives} lives of {SECONDS:.0} s in {:.0} s; busy nodes have {:.0} requests/s, slow ones {:.0}\n",
        begin.elapsed().as_secs_f64(),
        Class::Busy.rate(),
        Class::Slow.rate()
    );
    for trouble in troubles(args) {
        println!("{trouble}: {}", trouble.purpose());
        let rows = rows.iter().filter(|row| row.trouble == trouble);
        if trouble.is_lone() {
            print_lone(rows)
        } else {
            print_shared(rows)
        }
        println!();
    }
    println!(
        "brake: from the beginning of the trouble until a request is refused for it\n\
         failed: calls let through by then that came to nothing; warned: not a single one\n\
         victims: of 1000 good high and critical requests, those that were refused\n\
         well: from the end of the trouble until no request is refused for it"
    );
    if let Some(plot) = trade_off::plot(&rows) {
        println!("\n{}", plot.text());
        if let Some(path) = &args.svg {
            common::write(path, &plot.svg())?;
        }
    }
    if let Some(path) = &args.json {
        common::write(path, &serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn troubles(args: &Args) -> Vec<Trouble> {
    if args.trouble.is_empty() { Trouble::ALL.to_vec() } else { args.trouble.clone() }
}

fn grid(args: &Args, nodes: usize) -> Grid {
    let seeds = args.seeds.unwrap_or_else(|| (100 / nodes.max(1) as u64).clamp(1, 10));
    Grid {
        troubles: troubles(args),
        nodes: vec![nodes],
        gammas: args.gamma.clone(),
        direction: if args.raise_only { Direction::RaiseOnly } else { Direction::Both },
        seeds: common::seeds(args.seed, seeds),
    }
}

fn print_shared<'a>(rows: impl Iterator<Item = &'a Row>) {
    println!("{:<11}|{:^17}|{:^29}|{:>8}|{:^11}", "", "busy nodes", "slow nodes", "victims", "well, s");
    println!(
        "{:>5}{:>6}|{:>9}{:>8}|{:>9}{:>8}{:>6}{:>6}|{:>8}|{:>5}{:>6}",
        "nodes",
        "gamma",
        "brake, s",
        "failed",
        "brake, s",
        "failed",
        "warn",
        "never",
        "of 1000",
        "mean",
        "worst"
    );
    for row in rows {
        let out = &row.outcome;
        println!(
            "{}|{}|{}{:>5}%{:>5}%|{:>8}|{:>5.1}{:>6.1}",
            key(row),
            braking(out.busy.as_ref()),
            braking(out.slow.as_ref()),
            number(out.slow.map(|slow| 100.0 * slow.warned), 0),
            number(out.slow.map(|slow| 100.0 * slow.never), 0),
            number(out.victims.map(|share| 1e3 * share), 1),
            out.recovery,
            out.recovery_worst
        );
    }
}

fn print_lone<'a>(rows: impl Iterator<Item = &'a Row>) {
    println!(
        "{:<11}|{:^25}|{:^31}|{:>8}\n{:>5}{:>6}|{:>9}{:>8}{:>8}|{:>11}{:>11}{:>9}|{:>8}",
        "",
        "the sick node",
        "refused at well nodes, of 1000",
        "well, s",
        "nodes",
        "gamma",
        "brake, s",
        "failed",
        "in all",
        "any",
        "important",
        "ohms",
        "mean"
    );
    for row in rows {
        let out = &row.outcome;
        println!(
            "{}|{}{:>8}|{:>11}{:>11}{:>9}|{:>8.1}",
            key(row),
            braking(out.busy.as_ref()),
            number(out.busy.map(|sick| sick.failed), 0),
            number(out.false_sheds.map(|share| 1e3 * share), 2),
            number(out.false_important.map(|share| 1e3 * share), 2),
            number(out.false_ohms, 1),
            out.recovery
        );
    }
}

fn key(row: &Row) -> String {
    format!("{:>5}{:>6.2}", row.nodes, row.gamma.get())
}

fn braking(of: Option<&Braking>) -> String {
    format!("{:>9}{:>8}", number(of.map(|of| of.seconds), 2), number(of.map(|of| of.failed_before), 1))
}

fn number(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.places$}"))
}
