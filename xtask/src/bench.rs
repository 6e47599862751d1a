// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench`: the hot paths beside their peers, in one run on one machine, and
//! `docs/benchmarks.md` from what was measured.
//!
//! The benches are in `crates/atrion-bench`. This starts them, reads their results, and compares
//! them with the budgets. Every number in the document comes from this run, except those under
//! *Measured earlier*.

mod budget;
mod builds;
mod commercial;
mod figures;
mod fleet;
mod instructions;
mod persistence;
mod report;
mod studio;
mod units;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::Context as _;

use self::figures::Figures;
use crate::machine::Machine;
use crate::process;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure for a short time, and write to `target/benchmarks.md`, so that rough figures do not
    /// replace the careful ones.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let root = process::root();
    let home = Home::new(root)?;
    let effort = if args.quick { Effort::QUICK } else { Effort::FULL };

    let begin = Instant::now();
    home.build()?;
    let built = begin.elapsed();
    for bench in CRITERION {
        home.criterion(bench, &effort)?;
    }
    let mut lines = home.plain(PLAIN, args.quick)?;
    for bench in commercial::ALL {
        lines.push_str(&bench.measure(root, args.quick)?);
    }
    if !args.quick {
        lines.push_str(&instructions::measure(root)?);
        lines.push_str(&builds::measure(root)?);
    }
    let measured = begin.elapsed() - built;

    let figures = Figures::read(&home.results, &lines)?;
    let text = report::markdown(&figures, &Machine::this()?, effort.name, measured)?;
    let file = root.join(if args.quick { "target/benchmarks.md" } else { "docs/benchmarks.md" });
    std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("\n{text}");
    println!("measured in {:.0} s; written to {}", measured.as_secs_f64(), file.display());
    Ok(ExitCode::SUCCESS)
}

/// The benches that criterion drives.
const CRITERION: [&str; 4] = ["admit", "layers", "compute", "routes"];

/// The bench that measures what criterion cannot: bytes and tail latencies.
const PLAIN: &str = "figures";

/// How long criterion looks at each benchmark.
struct Effort {
    name: &'static str,
    warm_up: &'static str,
    measure: &'static str,
    samples: &'static str,
}

impl Effort {
    const FULL: Self = Self { name: "full", warm_up: "0.5", measure: "3", samples: "60" };
    const QUICK: Self = Self { name: "quick", warm_up: "0.1", measure: "0.6", samples: "20" };
}

/// Where the run happens, and where criterion writes.
struct Home {
    root: PathBuf,
    results: PathBuf,
}

impl Home {
    /// An empty folder for the results, so that no figure of an earlier run remains.
    fn new(root: &Path) -> anyhow::Result<Self> {
        let results = root.join("target/xtask-bench");
        if results.exists() {
            std::fs::remove_dir_all(&results).context("cannot clear the last run's results")?;
        }
        Ok(Self { root: root.to_owned(), results })
    }

    /// Builds first, so that the measured time does not include compiling.
    fn build(&self) -> anyhow::Result<()> {
        self.cargo(["--no-run"]).map(drop)
    }

    fn criterion(&self, bench: &str, effort: &Effort) -> anyhow::Result<()> {
        self.cargo([
            "--bench",
            bench,
            "--",
            "--warm-up-time",
            effort.warm_up,
            "--measurement-time",
            effort.measure,
            "--sample-size",
            effort.samples,
            // The default of 100,000 takes longer than the measurement.
            "--nresamples",
            "10000",
        ])
        .map(drop)
    }

    /// A bench without criterion prints one JSON object a line.
    fn plain(&self, bench: &str, quick: bool) -> anyhow::Result<String> {
        let mut args = vec!["--bench", bench, "--"];
        args.extend(quick.then_some("--quick"));
        self.cargo(args)
    }

    fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> anyhow::Result<String> {
        let args: Vec<&str> = ["bench", "--package", "atrion-bench"].into_iter().chain(args).collect();
        println!("$ cargo {}", args.join(" "));
        let plain = args.contains(&PLAIN);
        let mut command = Command::new("cargo");
        command.args(&args).current_dir(&self.root).env("CRITERION_HOME", &self.results);
        command.stdin(Stdio::null());
        // The reader sees the output of criterion; this command parses that of a plain bench.
        command.stdout(if plain { Stdio::piped() } else { Stdio::inherit() });
        command.stderr(Stdio::inherit());
        let output = command.spawn()?.wait_with_output().context("cannot run cargo bench")?;
        anyhow::ensure!(output.status.success(), "cargo bench: {}", output.status);
        String::from_utf8(output.stdout).context("a bench printed bytes that are not UTF-8")
    }
}
