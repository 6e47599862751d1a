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
use atrion_core::SplitMix64;
use atrion_fuzz::targets;
use clap::Parser;

use engine::{Engine, Tally};

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
    seed: Option<u64>,
    /// The number of threads, each with inputs of its own; 0: one for each core.
    #[arg(long, default_value_t = 1)]
    threads: usize,
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
    let find = || targets::all().into_iter().find(|target| target.name() == name);
    let missing = || format!("there is no target {name} in this build");

    if let Some(path) = cli.replay {
        let input = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        println!("{}", find().with_context(missing)?.run(&input));
        return Ok(ExitCode::SUCCESS);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seed = cli.seed.unwrap_or_else(seed);
    let threads = match cli.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    println!("fuzzing {name} for {} s on {threads} threads, seed {seed}", cli.seconds);
    // Each thread makes its own target, which need not be `Sync`.
    let run = |thread: usize| -> anyhow::Result<(Engine, Result<(), String>)> {
        let target = find().with_context(missing)?;
        let mut engine = Engine::new(target, folder, seed.wrapping_add(thread as u64))?;
        let verdict = engine.run(Duration::from_secs(cli.seconds));
        Ok((engine, verdict))
    };
    let ends = std::thread::scope(|scope| {
        let run = &run;
        let all: Vec<_> = (1..threads)
            .map(|thread| {
                scope.spawn(move || run(thread).map(|(engine, verdict)| (engine.into_tally(), verdict)))
            })
            .collect();
        let first = run(0).map(|(engine, verdict)| (engine.into_tally(), verdict));
        let others = all.into_iter().map(|one| one.join().unwrap_or_else(|_| anyhow::bail!("a thread died")));
        std::iter::once(first).chain(others).collect::<anyhow::Result<Vec<_>>>()
    })?;
    let (tallies, verdicts): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
    println!("{}", tallies.into_iter().fold(Tally::default(), Tally::with).report());
    let verdict = verdicts.into_iter().collect::<Result<(), _>>();
    Ok(match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => {
            println!("found: {finding}");
            ExitCode::FAILURE
        }
    })
}

/// A seed from the clock. It is printed, so that a run can be repeated.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    SplitMix64::new(now.as_nanos() as u64).next_u64()
}
