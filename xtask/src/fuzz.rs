// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask fuzz TARGET --seconds N`: builds the fuzz targets and runs one for a bounded time.
//!
//! They are a program of their own in `fuzz/`, outside the workspace: its profile keeps overflow
//! checks in a release build, and its features would otherwise be joined with everybody's.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::ValueEnum;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The parser to feed.
    #[arg(value_enum)]
    target: Target,
    /// For how long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Repeat the run that printed this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// On so many threads, each with inputs of its own; 0: one for each core.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Run one input alone, as it was saved when it was found.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// Bytes as they come from a fleet's channel.
    Envelope,
    /// Bodies of a fleet's messages, in an envelope that is right.
    Codec,
    /// What passes of these, into the registers of a node.
    Fleet,
    /// Licence keys.
    License,
    /// Recordings of a route.
    Recording,
}

impl Target {
    const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Codec => "codec",
            Self::Fleet => "fleet",
            Self::License => "license",
            Self::Recording => "recording",
        }
    }

    /// The feature of `fuzz/` that builds this target, and the crate that it needs.
    const fn needs(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Envelope | Self::Codec | Self::Fleet => Some(("fleet", "crates/atrion-cluster")),
            Self::License => Some(("license", "crates/atrion-license")),
            Self::Recording => Some(("recording", "crates/atrion-engine")),
        }
    }
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().unwrap_or(here);
    let name = args.target.name();

    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--manifest-path"]).arg(root.join("fuzz/Cargo.toml"));
    command.arg("--target-dir").arg(root.join("target/fuzz"));
    if let Some((feature, folder)) = args.target.needs() {
        anyhow::ensure!(root.join(folder).exists(), "{name} needs {folder}, which is not in this tree");
        command.args(["--features", feature]);
    }
    command.args(["--", name, "--seconds"]).arg(args.seconds.to_string());
    command.arg("--threads").arg(args.threads.to_string());
    if let Some(seed) = args.seed {
        command.arg("--seed").arg(seed.to_string());
    }
    if let Some(path) = args.replay {
        command.arg("--replay").arg(path);
    }
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
