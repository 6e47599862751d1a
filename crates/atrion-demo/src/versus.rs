// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask versus`: the service of the demo and its clients, and before it one after the other
//! what else is there to protect it.
//!
//! Every contender meets the same requests at the same instants, and every request causes the same
//! work. All are processes of their own on the loopback address.

mod contender;
mod cost;
mod front;
mod page;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use self::contender::{ALL, Contender, Kind};
use self::front::Front;
use self::page::{Page, Result};

use super::figures::{self, PhaseFigures};
use super::plan::{CALM_LOAD, Phase, Plan};
use super::random::Random;
use super::report::Extras;
use super::run::{Stage, weather};
use super::terminal::Terminal;
use super::traffic::Traffic;
use super::wire::{ServiceSpec, Weather};
use super::{ARRIVALS_STREAM, WARMUP, limits, plot, runtime, service};

/// The arguments of `cargo xtask versus`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these contenders.
    #[arg(long, value_name = "NAME", value_parser = contender::names())]
    only: Vec<String>,
    /// Length of a phase; the sustained overload lasts twice as long.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = super::seconds)]
    seconds_per_phase: f64,
    /// Arrivals per second in calm traffic, seven tenths of the capacity.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 280.0, value_parser = super::rate)]
    rate: f64,
    /// The same seed gives the same arrivals and the same work.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests for what a proxy costs that only passes on; 0: that is not measured.
    #[arg(long, value_name = "REQUESTS", default_value_t = 100_000)]
    cost: usize,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the page with tables, plot and configurations, for people.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Run the gateway with this configuration (the command starts itself with this flag).
    #[arg(long, hide = true, value_name = "TEXT")]
    gateway: Option<String>,
}

/// The phases after the warm-up, each with its length in phases.
const PHASES: [(Phase, u32); 6] = [
    (Phase::Calm, 1),
    (Phase::Overload, 1),
    (Phase::Gray, 1),
    (Phase::Sustained, 2),
    (Phase::Outage, 1),
    (Phase::Recovery, 1),
];

/// Runs every contender, or the gateway of one. `machine` says on what.
///
/// # Errors
/// The reason why one cannot start, or ended early.
pub fn run(args: &Args, machine: &str) -> anyhow::Result<ExitCode> {
    if let Some(text) = &args.gateway {
        runtime(2)?.block_on(front::serve_gateway(text))?;
        return Ok(ExitCode::SUCCESS);
    }
    limits::raise_open_files();
    let page = runtime(2)?.block_on(Match::prepare(args).play(machine))?;
    Terminal::detect().line(&page.tables())?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&page)? + "\n";
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.page {
        std::fs::write(path, page.markdown()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What all contenders share.
struct Match<'a> {
    args: &'a Args,
    workers: usize,
    plan: Plan,
    traffic: Traffic,
}

impl<'a> Match<'a> {
    fn prepare(args: &'a Args) -> Self {
        let workers = (args.rate / CALM_LOAD * service::WORK.as_secs_f64()).round().max(2.0) as usize;
        let phase = Duration::from_secs_f64(args.seconds_per_phase);
        let phases: Vec<_> = std::iter::once((Phase::Warmup, WARMUP))
            .chain(PHASES.map(|(name, lengths)| (name, phase * lengths)))
            .collect();
        let plan = Plan::of(&phases, service::capacity(workers, Weather::Fair));
        let traffic = Traffic::Poisson(Random::of(&[args.seed, ARRIVALS_STREAM]));
        Self { args, workers, plan, traffic }
    }

    async fn play(mut self, machine: &str) -> anyhow::Result<Page> {
        let stage = Stage {
            terminal: Terminal::detect(),
            plan: &self.plan,
            arrivals: Arc::from(self.traffic.schedule(&self.plan)),
            seed: self.args.seed,
            trace: None,
            studio: false,
        };
        let is_wanted = |contender: &&Contender| {
            self.args.only.is_empty() || self.args.only.iter().any(|n| n == contender.name)
        };
        let mut results = Vec::new();
        for contender in ALL.iter().filter(is_wanted) {
            results.push(self.one(&stage, contender).await?);
        }
        let costs = if self.args.cost > 0 { cost::measure(self.args.cost).await? } else { Vec::new() };
        let capacity = service::capacity(self.workers, Weather::Fair);
        let (workers, seconds) = (self.workers, self.plan.end().as_secs_f64());
        let (machine, span) = (machine.to_owned(), self.plan.measured());
        Ok(Page { machine, workers, capacity, seconds, span, results, costs })
    }

    async fn one(&self, stage: &Stage<'_>, contender: &Contender) -> anyhow::Result<Result> {
        let spec = ServiceSpec {
            workers: self.workers,
            routes: self.traffic.routes(),
            protected: matches!(contender.kind, Kind::InProcess),
            seed: self.args.seed,
            gateway: false,
            record: None,
        };
        let mut version = None;
        let front = async |port| {
            let (port, front) = Front::start(&contender.kind, port, self.workers).await?;
            version = front.version().map(str::to_owned);
            Ok((port, front))
        };
        let records = stage.run_behind(contender.name, spec, front).await?;
        let rate = |phase| service::capacity(self.workers, weather(phase));
        let phases = PHASES
            .map(|(phase, _)| (phase, PhaseFigures::of_phase(&records, &self.plan, phase, rate(phase))));
        let recovered_after_s = figures::recovered(&records, &self.plan, rate(Phase::Recovery));
        let slices = figures::slices(&records, &self.plan, rate, plot::COLUMNS);
        let Extras { slices, lag_p99_ms, .. } = Extras::of(&records, slices);
        let name = contender.name;
        Ok(Result { name, version, phases: phases.into(), recovered_after_s, lag_p99_ms, slices })
    }
}
