// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask fuzz TARGET --seconds N`: builds one fuzz target and runs it for a bounded time.
//!
//! libFuzzer runs it, guided by the coverage of our code and of its dependencies. That needs a C++
//! compiler, and the stable toolchain: the flags of the instrumentation are stable. `--smoke` runs
//! the same target without instrumentation, where there is no C++ compiler.
//!
//! The targets are a workspace of their own in `fuzz/`: its profile keeps overflow checks in a
//! release build, and its features stay out of every other build. `cargo fuzz run` works there too.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::process::{hand_over, root, text};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The parser to feed.
    #[arg(value_enum)]
    target: Target,
    /// The duration of the run.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Repeat the run that printed this seed.
    #[arg(long)]
    seed: Option<u32>,
    /// The number of processes that share the corpus; 0: one for each core.
    #[arg(long, default_value_t = 1, conflicts_with = "smoke")]
    processes: usize,
    /// Run one saved input alone.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Run without instrumentation, guided by labels: needs no C++ compiler.
    #[arg(long)]
    smoke: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// Bytes as they come from the channel of a fleet.
    Envelope,
    /// Bodies of a fleet's messages, in a valid envelope.
    Codec,
    /// Decoded messages, in the registers of a node.
    Fleet,
    /// Route templates of the gateway.
    Template,
    /// PROXY headers.
    Proxy,
    /// Messages of Envoy to the gateway.
    Processor,
    /// The configuration of the gateway.
    Config,
    /// Files of keys, and tokens of callers.
    Token,
    /// License keys.
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
            Self::Template => "template",
            Self::Proxy => "proxy",
            Self::Processor => "processor",
            Self::Config => "config",
            Self::Token => "token",
            Self::License => "license",
            Self::Recording => "recording",
        }
    }

    /// The feature of `fuzz/` that builds this target, and the crate that it needs.
    const fn needs(self) -> (&'static str, &'static str) {
        match self {
            Self::Envelope | Self::Codec | Self::Fleet => ("fleet", "crates/atrion-cluster"),
            Self::Template | Self::Proxy | Self::Processor | Self::Config | Self::Token => {
                ("gateway", "crates/atrion-gateway")
            }
            Self::License => ("license", "crates/atrion-license"),
            Self::Recording => ("recording", "crates/atrion-engine"),
        }
    }
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (_, folder) = args.target.needs();
    anyhow::ensure!(
        root().join(folder).exists(),
        "{} needs {folder}, which is not in this tree",
        args.target.name()
    );
    if args.smoke { smoke(&args) } else { guided(&args) }
}

fn smoke(args: &Args) -> anyhow::Result<ExitCode> {
    let mut cargo = cargo("run", args.target, root().join("target/fuzz"));
    cargo.args(["--bin", "smoke", "--", args.target.name()]);
    cargo.arg("--seconds").arg(args.seconds.to_string());
    if let Some(seed) = args.seed {
        cargo.arg("--seed").arg(seed.to_string());
    }
    if let Some(path) = &args.replay {
        cargo.arg("--replay").arg(path);
    }
    hand_over(&mut cargo)
}

fn guided(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.target.name();
    let target_dir = root().join("target/fuzz-coverage");
    // With a named platform, cargo keeps the flags away from build scripts and procedural macros,
    // which are not linked with libFuzzer.
    let host = host()?;
    let mut cargo = cargo("build", args.target, &target_dir);
    cargo.args(["--features", "libfuzzer", "--bin", name, "--target", &host]);
    cargo.env("RUSTFLAGS", INSTRUMENTATION.join(" "));
    let status = cargo.status().context("cannot run cargo")?;
    anyhow::ensure!(
        status.success(),
        "libFuzzer was not built: it needs a C++ compiler; --smoke runs {name} without one"
    );

    let home = root().join("fuzz");
    let (corpus, artifacts) = (home.join("corpus").join(name), home.join("artifacts").join(name));
    for folder in [&corpus, &artifacts] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut fuzzer = Command::new(target_dir.join(host).join("release").join(name));
    fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
    // Longer inputs, and slower ones, are findings of the smoke run too.
    fuzzer.args(["-max_len=16384", "-timeout=2", "-print_final_stats=1"]);
    if let Some(path) = &args.replay {
        return hand_over(fuzzer.arg(path));
    }
    fuzzer.arg(format!("-max_total_time={}", args.seconds));
    fuzzer.args(args.seed.map(|seed| format!("-seed={seed}")));
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    match args.processes {
        1 => {}
        0 => drop(fuzzer.arg(format!("-fork={}", cores()))),
        processes => drop(fuzzer.arg(format!("-fork={processes}"))),
    }
    hand_over(fuzzer.arg(corpus))
}

/// Counters at each edge, their places, and the operands of comparisons, as `cargo fuzz` sets them.
/// Without a sanitizer: the workspace forbids `unsafe`, and the checks of the profile panic.
const INSTRUMENTATION: [&str; 6] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

fn cargo(command: &str, target: Target, target_dir: impl AsRef<Path>) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args([command, "--quiet", "--release", "--manifest-path"]).arg(root().join("fuzz/Cargo.toml"));
    cargo.arg("--target-dir").arg(target_dir.as_ref()).args(["--features", target.needs().0]);
    cargo
}

/// The platform of this machine, as the compiler names it.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let said = text(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}
