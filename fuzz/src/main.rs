// SPDX-License-Identifier: Apache-2.0
//! Feeds the parsers of Atrion arbitrary bytes for a bounded time.
//!
//! A normal program for the stable toolchain, without instrumentation of the compiler: that would
//! need a C++ runtime or nightly. What guides it instead is what the target says about each input:
//! a label for how far it came, such as the error that it ended in. An input with a new label is
//! kept and mutated further. Targets know their format, so that mutations get past the first check.

mod engine;
mod mutate;
mod random;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use engine::Engine;

#[derive(Parser)]
#[command(about = "Feeds a parser arbitrary bytes for a bounded time.")]
struct Cli {
    /// What to feed; without one, the targets are listed.
    target: Option<String>,
    /// For how long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The same number draws the same inputs, machine and build being the same.
    #[arg(long)]
    seed: Option<u64>,
    /// Run this input alone.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let Some(name) = cli.target else {
        targets::all().iter().for_each(|target| println!("{}", target.name()));
        return Ok(ExitCode::SUCCESS);
    };
    let target = targets::all().into_iter().find(|target| target.name() == name);
    let target = target.with_context(|| format!("there is no target {name} in this build"))?;

    if let Some(path) = cli.replay {
        let input = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        println!("{}", target.run(&input));
        return Ok(ExitCode::SUCCESS);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seed = cli.seed.unwrap_or_else(random::seed);
    println!("fuzzing {name} for {} s, seed {seed}", cli.seconds);
    let mut engine = Engine::new(target, folder, seed)?;
    let verdict = engine.run(Duration::from_secs(cli.seconds));
    println!("{}", engine.report());
    Ok(match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => {
            println!("FOUND: {finding}");
            ExitCode::FAILURE
        }
    })
}
