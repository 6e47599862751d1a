// SPDX-License-Identifier: Apache-2.0
//! The smoke run: feeds a parser arbitrary bytes for a bounded time, with the stable toolchain
//! alone.
//!
//! The compiler instruments nothing. A target labels each input with how far it came, and an input
//! with a new label is kept and mutated further. Targets know their format, so mutations get past
//! the first check. libFuzzer over the same targets (`fuzz_targets/`) sees every branch.

mod engine;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use atrion_fuzz::targets;
use clap::Parser;

use engine::Engine;

#[derive(Parser)]
#[command(about = "Feeds a parser arbitrary bytes for a bounded time.")]
struct Cli {
    /// The parser to feed; without one, the targets are listed.
    target: Option<String>,
    /// The duration of the run.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The same seed draws the same inputs on the same build and corpus.
    #[arg(long)]
    seed: Option<u32>,
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
    let seed = cli.seed.unwrap_or_else(seed);
    println!("fuzzing {name} for {} s, seed {seed}", cli.seconds);
    let mut engine = Engine::new(target, Path::new(env!("CARGO_MANIFEST_DIR")), seed.into())?;
    let verdict = engine.run(Duration::from_secs(cli.seconds));
    println!("{}", engine.report());
    Ok(match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => {
            println!("found: {finding}");
            ExitCode::FAILURE
        }
    })
}

/// A seed from the clock. It is printed, so that a run can be repeated.
fn seed() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos()
}
