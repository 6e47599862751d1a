// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask test`: everything that must hold before a change is merged, in one command that
//! needs a Rust toolchain and a C compiler. `.ci/run` calls it, so CI does what a developer does.
//!
//! Cheap steps come first, the tests last: a typo is reported within seconds, and the output ends
//! with the summaries of the tests. Steps that build in folders of their own run beside the others;
//! the tests have the machine for themselves.

mod alone;
mod beside;
mod examples;
mod job;
mod loom;
mod msrv;
mod names;
mod no_std;
mod package;
mod step;
mod suite;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use self::beside::Beside;
use self::step::Step;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run these steps alone, in the usual order.
    #[arg(long, value_enum, value_name = "STEP", value_delimiter = ',')]
    only: Vec<Step>,
    /// Run the remaining steps after one has failed.
    #[arg(long)]
    keep_going: bool,
    /// Run one step after the other: it needs less memory and takes longer.
    #[arg(long)]
    serial: bool,
    /// Write how each step ended to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// List the steps and what each one proves, and run nothing.
    #[arg(long)]
    list: bool,
    /// Run the tests with cargo-nextest, which has to be installed.
    #[arg(long)]
    nextest: bool,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    let steps: Vec<Step> =
        Step::ORDER.into_iter().filter(|step| args.only.is_empty() || args.only.contains(step)).collect();

    let workspace = Workspace::load()?;
    let begin = Instant::now();
    let planned = steps.len();
    let (apart, others): (Vec<Step>, Vec<Step>) = steps.iter().partition(|step| step.builds_apart());
    let (mut beside, steps) = if args.serial || apart.is_empty() || others.is_empty() {
        (None, steps)
    } else {
        (Some(Beside::start(apart, args.keep_going)?), others)
    };
    let mut report = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if *step == Step::Tests {
            report.extend(beside.take().map(Beside::join).unwrap_or_default());
        }
        let failed = report.iter().any(|line: &Line| line.outcome.is_failure())
            || beside.as_mut().is_some_and(Beside::has_failed);
        if failed && !args.keep_going {
            break;
        }
        println!("\n=== [{}/{}] {}: {}", index + 1, steps.len(), step.name(), step.proves());
        let begin = Instant::now();
        let outcome =
            step.run(&workspace, args.nextest).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let line = Line { step: *step, outcome, took: begin.elapsed() };
        println!("=== {line}");
        report.push(line);
    }
    report.extend(beside.map(Beside::join).unwrap_or_default());
    if let Some(path) = args.report {
        std::fs::write(path, serde_json::to_vec(&report)?)?;
    }
    Ok(conclude(&report, planned, begin.elapsed()))
}

fn list() {
    for step in Step::ORDER {
        println!("{:<10} {}", step.name(), step.proves());
    }
}

/// Prints the table of all steps and says how the run ended.
fn conclude(report: &[Line], planned: usize, took: Duration) -> ExitCode {
    println!("\nstep           time  result");
    for line in report {
        println!("{line}");
    }
    let count = |wanted: fn(&Outcome) -> bool| report.iter().filter(|line| wanted(&line.outcome)).count();
    let failed = count(Outcome::is_failure);
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let passed = report.len() - failed - skipped;
    let left = planned - report.len();
    print!("\n{passed} steps passed, {failed} failed, {skipped} skipped, in {}", minutes(took));
    if left > 0 {
        print!("; {left} were not run after the failure (--keep-going runs them)");
    }
    println!();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One row of the report.
#[derive(serde::Serialize, serde::Deserialize)]
struct Line {
    step: Step,
    outcome: Outcome,
    took: Duration,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<10} {:>6.1} s  {}", self.step.name(), self.took.as_secs_f64(), self.outcome)
    }
}

fn minutes(took: Duration) -> String {
    let seconds = took.as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_minutes_and_seconds() {
        assert_eq!(minutes(Duration::from_secs(61)), "1 min 01 s");
        assert_eq!(minutes(Duration::from_secs(600)), "10 min 00 s");
    }
}
