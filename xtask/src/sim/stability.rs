// SPDX-License-Identifier: Apache-2.0
//! `sim stability`: where the preset `rfc` settles.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use atrion_sim::stability::Map;

use super::common;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Points along each of the three sides.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(2..=24))]
    side: u8,
    /// Write all slices as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    let map = Map::draw(args.side.into(), common::threads());
    let took = begin.elapsed().as_secs_f64();
    println!("preset rfc, {} points in {took:.1} s\n\n{}", map.points.len(), map.text());
    if let Some(path) = &args.svg {
        common::write(path, &map.svg())?;
    }
    Ok(ExitCode::SUCCESS)
}
