// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! `cargo xtask demo --fleet 10`: service processes that share a Redis and one callee.
//!
//! [`overload`]: the callee gets three times what it can do. [`outage`] (`--outage`): it fails for
//! all of them. Each is played twice, by nodes that are alone and by nodes that share, and in its
//! middle the Redis is killed.
#![allow(missing_docs)] // nothing else calls it

mod http;
mod outage;
mod overload;
mod process;

use std::path::PathBuf;
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Args {
    nodes: usize,
    outage: bool,
    json: Option<PathBuf>,
}

const USAGE: &str = "fleet [--nodes 2..=20] [--outage] [--json FILE]";

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    // A process of the fleet; the demo starts itself with these.
    match words.split_first() {
        Some((act, seat)) if act == outage::NODE => runtime.block_on(outage::node(seat))?,
        Some((act, seat)) if act == overload::NODE => runtime.block_on(overload::node(seat))?,
        Some((act, _)) if act == overload::CALLEE => runtime.block_on(overload::callee())?,
        _ => {
            let args = parse(&words)?;
            // Found out now and not after the runs.
            if let Some(path) = &args.json {
                std::fs::write(path, "")?;
            }
            let play = async {
                if args.outage { outage::play(args.nodes).await } else { overload::play(args.nodes).await }
            };
            let json = runtime.block_on(play)?;
            if let Some(path) = &args.json {
                std::fs::write(path, format!("{json:#}\n"))?;
                println!("written to {}", path.display());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(words: &[String]) -> Result<Args, Failure> {
    let mut args = Args { nodes: 10, outage: false, json: None };
    let mut words = words.iter();
    while let Some(flag) = words.next() {
        let mut value = || words.next().ok_or(format!("{flag} needs a value: {USAGE}"));
        match flag.as_str() {
            "--nodes" => args.nodes = value()?.parse()?,
            "--outage" => args.outage = true,
            "--json" => args.json = Some(value()?.into()),
            _ => return Err(format!("{flag} is not understood: {USAGE}").into()),
        }
    }
    if !(2..=20).contains(&args.nodes) {
        return Err(format!("--nodes must be 2..=20, got {}", args.nodes).into());
    }
    Ok(args)
}
