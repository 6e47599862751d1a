// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

mod edit;
mod files;
mod migrate;
mod prove;
mod scope;
mod walk;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use edit::Done;
use migrate::migrate;
use prove::Told;

/// Takes a Rust tree from Atrion 1 to Atrion 2: `update_physics` becomes a method of the instance.
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Args {
    /// Files or folders; in a folder every `.rs` file below it, except in `target` and in hidden
    /// folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Change nothing; fail if there is something to change.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    told: Told,
}

fn main() -> ExitCode {
    run(&Args::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut total = Done::default();
    let mut unread = 0;
    for path in files::below(&args.paths)? {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let (new, done) = match migrate(&text, &args.told) {
            Ok(result) => result,
            Err(error) => {
                unread += 1;
                eprintln!("{}: left alone, it does not parse: {error}", path.display());
                continue;
            }
        };
        if done != Done::default() {
            println!("{}: {done}", path.display());
        }
        if new != text && !args.check {
            std::fs::write(&path, new).with_context(|| path.display().to_string())?;
        }
        total += done;
    }
    println!("{total}");
    let is_pending = args.check && total.changes() > 0;
    Ok(if is_pending || unread > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
