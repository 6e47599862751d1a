// SPDX-License-Identifier: Apache-2.0
//! Replays a recorded incident with another configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use atrion_engine::Config;
use atrion_engine::recording::Recorded;
use atrion_sim::replay;

use super::common;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A recording: `cargo xtask demo --record FILE`, or `Route::record` in a service.
    file: PathBuf,
    /// The candidate, a whole configuration as TOML; missing fields have their defaults. If left
    /// out, the recorded configuration, which shows the error of the model.
    #[arg(long, value_name = "CANDIDATE.toml")]
    config: Option<PathBuf>,
    /// The seed of the arrivals within their windows, and of the service times of the model.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write every second of the three courses as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the plot as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let recorded = Recorded::open(&args.file).with_context(|| args.file.display().to_string())?;
    let own = recorded.config().cloned().unwrap_or_default();
    let candidate = match &args.config {
        None => own,
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let config: Config = toml::from_str(&text).with_context(|| path.display().to_string())?;
            config.check().with_context(|| path.display().to_string())?;
            config.of(&recorded.route).clone()
        }
    };
    let comparison = replay::replay(&recorded, &candidate, args.seed, &replay::Limits::default())?;
    print!("{}", comparison.text());
    if let Some(path) = &args.svg {
        common::write(path, &comparison.plot().svg())?;
    }
    if let Some(path) = &args.json {
        common::write(path, &(serde_json::to_string_pretty(&comparison)? + "\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
