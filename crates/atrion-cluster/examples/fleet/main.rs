// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! `cargo xtask demo --fleet 3`: service processes that share a Redis, and a dependency that fails
//! for all of them.
//!
//! The first node is busy and learns quickly; the others have so little traffic that they would
//! learn for a long time. The run is done with gamma 0, where every node is alone, and with 0.3. In
//! its middle the Redis is killed.
#![allow(missing_docs)] // nothing else calls it

mod dependency;
mod http;
mod node;
mod outcome;
mod play;

use std::path::PathBuf;
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Args {
    nodes: usize,
    json: Option<PathBuf>,
}

const USAGE: &str = "fleet [--nodes 2..=9] [--json FILE]";

fn main() -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    // A process of the fleet; the demo starts itself with this.
    if let [serve, name, redis, dependency, gamma] = &words[..]
        && serve == "--serve"
    {
        let seat = node::Seat {
            name: name.clone(),
            redis: redis.clone(),
            dependency: dependency.parse()?,
            gamma: gamma.parse()?,
        };
        runtime.block_on(node::serve(seat))?;
        return Ok(ExitCode::SUCCESS);
    }
    let args = parse(&words)?;
    // Found out now and not after the runs.
    if let Some(path) = &args.json {
        std::fs::write(path, "")?;
    }
    let runs = runtime.block_on(play::both(args.nodes))?;
    println!("\n{}", outcome::table(&runs));
    if let Some(path) = &args.json {
        std::fs::write(path, outcome::json(&runs))?;
        println!("written to {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(words: &[String]) -> Result<Args, Failure> {
    let mut args = Args { nodes: 3, json: None };
    for pair in words.chunks(2) {
        match pair {
            [flag, value] if flag == "--nodes" => args.nodes = value.parse()?,
            [flag, value] if flag == "--json" => args.json = Some(value.into()),
            _ => return Err(format!("{pair:?} is not understood: {USAGE}").into()),
        }
    }
    if !(2..=9).contains(&args.nodes) {
        return Err(format!("--nodes must be 2..=9, got {}", args.nodes).into());
    }
    Ok(args)
}
