// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: a real HTTP service on the loopback address goes through calm, overload,
//! gray failure, outage and recovery, first alone and then behind Atrion.
//!
//! Both runs get the same requests at the same instants, and every request causes the same work in
//! both. The demo needs the loopback interface alone.

mod client;
mod figures;
mod limits;
mod live;
mod plan;
mod plot;
mod random;
mod record;
mod report;
mod run;
mod scene;
mod service;
mod terminal;
mod tier;
mod traffic;
#[cfg(unix)]
pub mod versus;
mod wire;

pub use self::plan::Phase;
pub use self::scene::Scene;
pub use self::service::serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

use self::figures::{Report, RunFigures, Runs};
use self::plan::{CALM_LOAD, Plan};
use self::random::Random;
use self::report::Extras;
use self::run::{Stage, weather};
use self::terminal::Terminal;
use self::traffic::{Replay, Traffic};
use self::wire::{ServiceSpec, Weather};

/// The arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Replay an access log in the Apache combined format instead of Poisson arrivals.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write the figures of both runs as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Length of each of the five phases.
    #[arg(long, value_name = "SECONDS", default_value_t = 7.0, value_parser = seconds, allow_negative_numbers = true)]
    seconds_per_phase: f64,
    /// Arrivals per second in calm traffic. The capacity of the service is ten sevenths of it, and
    /// the overload is three times that capacity.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 280.0, value_parser = rate, allow_negative_numbers = true)]
    rate: f64,
    /// The same seed gives the same arrivals and the same work.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// Only one of the two runs.
    #[arg(long, value_enum, value_name = "RUN")]
    only: Option<Only>,
    /// A service in Python, alone and behind the gateway, in place of the one in Rust (needs
    /// python3).
    #[arg(long, conflicts_with = "studio")]
    gateway: bool,
    /// Serve AtrionStudio over the protected service, print its address, and stay until Ctrl-C
    /// (needs the commercial crates in the tree).
    #[arg(long)]
    studio: bool,
    /// Append the state of the service and its guard, ten times a second, as JSON lines.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Record what the guard measures and decides for all routes together into a new file, for
    /// `cargo xtask sim replay`.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Run the service (the demo starts itself with this flag).
    #[arg(long, hide = true)]
    serve: bool,
}

impl Args {
    /// The file for the figures as JSON.
    #[must_use]
    pub fn json(&self) -> Option<&Path> {
        self.json.as_deref()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Unprotected,
    Protected,
}

/// Runs the demo, or its service.
///
/// # Errors
/// The reason why it cannot start, or ended early.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.serve {
        runtime(2)?.block_on(serve(async |_| Ok(None)))?;
        return Ok(ExitCode::SUCCESS);
    }
    limits::raise_open_files();
    anyhow::ensure!(
        !(args.studio && args.only == Some(Only::Unprotected)),
        "--studio shows the guard: leave out --only unprotected"
    );
    anyhow::ensure!(
        !(args.record.is_some() && args.only == Some(Only::Unprotected)),
        "--record records the guard: leave out --only unprotected"
    );
    let demo = Demo::prepare(&args)?;
    runtime(2)?.block_on(demo.play())?;
    Ok(ExitCode::SUCCESS)
}

fn runtime(threads: usize) -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("cannot start the tokio runtime")
}

/// Everything that is decided before the first run.
struct Demo<'a> {
    args: &'a Args,
    terminal: Terminal,
    workers: usize,
    plan: Plan,
    traffic: Traffic,
}

impl<'a> Demo<'a> {
    fn prepare(args: &'a Args) -> anyhow::Result<Self> {
        let traffic = match &args.log {
            Some(path) => Traffic::Log(Replay::read(path, args.seed)?),
            None => Traffic::Poisson(Random::of(&[args.seed, ARRIVALS_STREAM])),
        };
        // A file that cannot be written fails now, not after the runs.
        if let Some(path) = &args.record {
            anyhow::ensure!(!path.exists(), "{} exists: name a new file for the recording", path.display());
        }
        if let Some(path) = &args.json {
            std::fs::write(path, "").with_context(|| format!("cannot write {}", path.display()))?;
        }
        let workers = (args.rate / CALM_LOAD * service::WORK.as_secs_f64()).round().max(2.0) as usize;
        let phase = Duration::from_secs_f64(args.seconds_per_phase);
        let plan = Plan::new(WARMUP, phase, service::capacity(workers, Weather::Fair));
        Ok(Self { args, terminal: Terminal::detect(), workers, plan, traffic })
    }

    async fn play(mut self) -> anyhow::Result<()> {
        let arrivals: Arc<[_]> = self.traffic.schedule(&self.plan).into();
        anyhow::ensure!(!arrivals.is_empty(), "the run has no request: give a longer one or a higher --rate");
        self.introduce(arrivals.len())?;
        let stage = Stage {
            terminal: self.terminal,
            plan: &self.plan,
            arrivals,
            seed: self.args.seed,
            trace: self.args.trace.as_deref(),
            studio: self.args.studio,
        };
        let unprotected = match self.args.only {
            Some(Only::Protected) => None,
            // Studio shows a guard.
            _ if self.args.studio => None,
            _ => Some(self.one(&stage, "Without Atrion", false).await?),
        };
        let protected = match self.args.only {
            Some(Only::Unprotected) => None,
            _ => Some(self.one(&stage, "With Atrion", true).await?),
        };
        self.conclude(unprotected, protected)
    }

    fn introduce(&self, requests: usize) -> std::io::Result<()> {
        let capacity = service::capacity(self.workers, Weather::Fair);
        self.terminal.line(&format!(
            "{} workers with {} ms a request: {capacity:.0} requests/s. {requests} requests in {:.0} s a run.",
            self.workers,
            service::WORK.as_millis(),
            self.plan.end().as_secs_f64(),
        ))?;
        match &self.traffic {
            Traffic::Log(replay) => self.terminal.line(report::log_notes(replay.summary()).trim_end()),
            Traffic::Poisson(_) => Ok(()),
        }
    }

    async fn one(
        &self,
        stage: &Stage<'_>,
        title: &str,
        protected: bool,
    ) -> anyhow::Result<(RunFigures, Extras)> {
        let spec = ServiceSpec {
            workers: self.workers,
            routes: self.traffic.routes(),
            protected,
            seed: self.args.seed,
            gateway: self.args.gateway,
            record: self.args.record.clone().filter(|_| protected),
        };
        let records = stage.run(title, spec).await?;
        let rate = |phase: Phase| service::capacity(self.workers, weather(phase));
        let slices = figures::slices(&records, &self.plan, rate, plot::COLUMNS);
        Ok((RunFigures::of(&records, &self.plan, rate), Extras::of(&records, slices)))
    }

    fn conclude(
        &self,
        unprotected: Option<(RunFigures, Extras)>,
        protected: Option<(RunFigures, Extras)>,
    ) -> anyhow::Result<()> {
        let (unprotected, unprotected_extras) = unprotected.unzip();
        let (protected, protected_extras) = protected.unzip();
        let report = Report { runs: Runs { unprotected, protected } };
        let runs = report::runs(&report.runs, unprotected_extras.as_ref(), protected_extras.as_ref());
        let log = match &self.traffic {
            Traffic::Log(replay) => Some(replay.summary()),
            Traffic::Poisson(_) => None,
        };
        self.terminal.line("")?;
        self.terminal.line(&report::table(&runs))?;
        self.terminal.line(&report::curves(&runs, self.plan.measured()))?;
        self.terminal.line(report::notes(&runs, log).trim_end())?;
        if let Some(path) = &self.args.record {
            let path = path.display();
            self.terminal
                .line(&format!("Recorded: cargo xtask sim replay {path} --config CANDIDATE.toml"))?;
        }
        if let Some(path) = &self.args.json {
            let json = serde_json::to_string_pretty(&report)?;
            std::fs::write(path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// The time before the measurement; it also covers the ten pulses of the guard's bootstrap.
const WARMUP: Duration = Duration::from_secs(3);

/// Keeps the arrivals apart from the other uses of the seed.
const ARRIVALS_STREAM: u64 = 0xa1;

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 2.0, 600.0, "seconds")
}

fn rate(text: &str) -> Result<f64, String> {
    within(text, 20.0, 5_000.0, "requests per second")
}

fn within(text: &str, least: f64, most: f64, unit: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("give a number of {unit}"))?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(format!("give {least} to {most} {unit}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_out_of_range_are_refused_with_the_range() {
        assert_eq!(seconds("7"), Ok(7.0));
        for hostile in ["NaN", "inf", "-1", "0", "1e9", "seven", ""] {
            assert!(seconds(hostile).is_err(), "{hostile}");
            assert!(rate(hostile).is_err(), "{hostile}");
        }
        assert_eq!(rate("0"), Err("give 20 to 5000 requests per second".to_owned()));
    }
}
