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

use engine::{Engine, Tally};

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
    /// On so many threads, each with inputs of its own; 0: one for each core.
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
    let seed = cli.seed.unwrap_or_else(random::seed);
    let threads = match cli.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    println!("fuzzing {name} for {} s on {threads} threads, seed {seed}", cli.seconds);
    // A target need not be fit for several threads: each makes its own.
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
            println!("FOUND: {finding}");
            ExitCode::FAILURE
        }
    })
}
