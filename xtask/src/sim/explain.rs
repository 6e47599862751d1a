// SPDX-License-Identifier: Apache-2.0
//! R, its terms, N* and the mode over one scenario, with the reasons.

use std::path::PathBuf;
use std::process::ExitCode;

use atrion_sim::explain::Story;
use atrion_sim::score::WEIGHTS;

use super::common;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A scenario's name, random-SEED-NTH, or a TOML file.
    scenario: String,
    /// `adaptive`, `rfc`, or an ablation: the policies whose state can be read.
    #[arg(long, default_value = "adaptive")]
    policy: String,
    /// The seed of all that is drawn at random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds from one line to the next.
    #[arg(long)]
    every: Option<f64>,
    /// Write the plot of R and its terms as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scenario = common::scenario(&args.scenario)?;
    let entries = common::entries(std::slice::from_ref(&args.policy))?;
    let mut policy = entries[0].make(&scenario)?;
    let story = Story::of(&scenario, args.seed, policy.as_mut());
    let components = story.components();
    println!("{}: {}\n", scenario.name, scenario.purpose);
    print!("{} scores {:.1}:", args.policy, components.score());
    for (value, (name, _)) in components.list().into_iter().zip(WEIGHTS).take(4) {
        print!(" {name} {}", value.map_or("-".to_owned(), |value| format!("{:.1}", 100.0 * value)));
    }
    println!("\n");
    println!("{}", story.lines(args.every.unwrap_or(scenario.seconds / 40.0)));
    println!("{}", story.reasons());
    let plot = story.plot();
    println!("{}", plot.text());
    if let Some(path) = &args.svg {
        common::write(path, &plot.svg())?;
    }
    Ok(ExitCode::SUCCESS)
}
