// SPDX-License-Identifier: Apache-2.0
//! Gates before a model that answers in streams: `atrion_sim::inference`.

use std::process::ExitCode;
use std::time::Instant;

use atrion_sim::inference::{self, Judged, Outcome, Peer, REQUEST_CAPS, Row, TOKEN_CAPS};

use super::common::{self, Counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only rows whose name contains this, for example `chat`.
    #[arg(long)]
    rows: Option<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of seeds.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rows = common::rows(Row::all(), Row::to_string, args.rows.as_deref())?;
    let seeds = common::seeds(args.seed, args.seeds);
    let static_caps = REQUEST_CAPS.len() + 3 * TOKEN_CAPS.len();
    let others = [
        Peer::None,
        Peer::Holdback,
        Peer::Atrion(Judged::AtTheEnd),
        Peer::Atrion(Judged::AtFirstTokenByCost),
        Peer::Atrion(Judged::AtFirstToken),
        Peer::Atrion(Judged::AtFirstTokenAndMemory),
        Peer::Atrion(Judged::ShortFirst),
    ];
    let runs = rows.len() * seeds.len() * (static_caps + others.len());
    let (counter, begin) = (Counter::new(runs), Instant::now());
    println!("gates before a model, {} rows x {} seeds from {}", rows.len(), seeds.len(), args.seed);
    let mut done = 0;
    for row in &rows {
        let tokens = |part: &f64| (f64::from(row.model.memory) * part) as u32;
        let requests = REQUEST_CAPS.map(Peer::Requests);
        let capped = TOKEN_CAPS.each_ref().map(tokens).map(Peer::Tokens);
        let level = TOKEN_CAPS.each_ref().map(tokens).map(Peer::Level);
        let reserved = TOKEN_CAPS.each_ref().map(tokens).map(Peer::Reserved);
        let peers: Vec<Peer> = [&requests[..], &capped, &level, &reserved, &others].concat();
        let lived = inference::live(std::slice::from_ref(row), &peers, &seeds, common::threads(), &|one| {
            counter.at(done + one);
        })?;
        done += peers.len() * seeds.len();
        print(row, &peers, lived.first().map_or(&[], Vec::as_slice));
    }
    println!("\n{runs} runs in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

/// Of static caps of a kind only the best is shown: the one whose clients got the most tokens.
fn print(row: &Row, peers: &[Peer], outcomes: &[Outcome]) {
    println!("\n{row}");
    println!(
        "{:<16} {:>8} {:>6} {:>6} {:>6} {:>8} {:>7} {:>6} {:>6}",
        "", "critical", "normal", "bulk", "long", "tokens/s", "of best", "waste", "again"
    );
    let best_of = |peer: &Peer| {
        let kind = std::mem::discriminant(peer);
        let alike = peers.iter().zip(outcomes).filter(|(one, _)| std::mem::discriminant(*one) == kind);
        alike.map(|(_, outcome)| outcome.tokens).fold(0.0, f64::max)
    };
    let best = best_of(&Peer::Tokens(0));
    for (peer, outcome) in peers.iter().zip(outcomes) {
        let is_static =
            matches!(peer, Peer::Requests(_) | Peer::Tokens(_) | Peer::Level(_) | Peer::Reserved(_));
        if is_static && outcome.tokens < best_of(peer) {
            continue;
        }
        let percent = |share: f64| 100.0 * share;
        println!(
            "{:<16} {:>8.1} {:>6.1} {:>6.1} {:>6.1} {:>8.0} {:>7.1} {:>6.1} {:>6.1}",
            peer.name(),
            percent(outcome.critical),
            percent(outcome.normal),
            percent(outcome.bulk),
            percent(outcome.long),
            outcome.tokens,
            percent(outcome.tokens / best.max(1.0)),
            percent(outcome.waste),
            percent(outcome.again),
        );
    }
}
