// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What came of it: the figures of each phase, as a table of 80 columns and as JSON.

use std::fmt::Write as _;

use atrion_core::Tier;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::plan::{PHASES, Phase, capacity_per_node};

/// What one node saw in one phase, by tier (the number of a tier is its place in [`Tier`]).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PhaseOfNode {
    pub(super) offered: [u32; 5],
    pub(super) served: [u32; 5],
    /// Of the served ones, in seconds.
    pub(super) latencies: Vec<f64>,
}

pub(super) struct Run {
    pub(super) sharing: bool,
    pub(super) phases: Vec<Figures>,
}

/// One phase of the whole fleet.
#[derive(Serialize)]
pub(super) struct Figures {
    phase: &'static str,
    offered_per_s: f64,
    /// Served within the callers' patience.
    goodput_per_s: f64,
    /// Of what is possible: the lesser of what is offered and what the callee can do.
    goodput_share: f64,
    /// Served requests of a tier as a share of all of it, and of the critical ones of each node the
    /// least.
    critical: f64,
    critical_of_the_worst_node: f64,
    bulk: f64,
    p99_ms: f64,
    /// Jain's index over the served share of each node's requests: 1 where all have the same.
    jain: f64,
}

impl Run {
    /// The figures of all phases but the first, from what each node saw.
    pub(super) fn of(sharing: bool, nodes: &[Vec<PhaseOfNode>]) -> Self {
        let phases = PHASES.iter().enumerate().skip(1);
        Self { sharing, phases: phases.map(|(number, phase)| Figures::of(phase, number, nodes)).collect() }
    }
}

impl Figures {
    fn of(phase: &Phase, number: usize, nodes: &[Vec<PhaseOfNode>]) -> Self {
        let nodes: Vec<&PhaseOfNode> = nodes.iter().map(|node| &node[number]).collect();
        let seconds = phase.lasts.as_secs_f64();
        let rate = |which: fn(&PhaseOfNode) -> u32| {
            f64::from(nodes.iter().copied().map(which).sum::<u32>()) / seconds
        };
        let (offered, goodput) = (rate(|n| n.offered.iter().sum()), rate(|n| n.served.iter().sum()));
        let of_tier = |tier: Tier| {
            let tier = tier as usize;
            let sum = |of: fn(&PhaseOfNode) -> [u32; 5]| nodes.iter().map(|node| of(node)[tier]).sum();
            share(sum(|node| node.served), sum(|node| node.offered))
        };
        let each = |of: &dyn Fn(&PhaseOfNode) -> f64| nodes.iter().map(|node| of(node)).collect::<Vec<_>>();
        let critical = Tier::Critical as usize;
        let critical = each(&|node| share(node.served[critical], node.offered[critical]));
        let shares = each(&|node| share(node.served.iter().sum(), node.offered.iter().sum()));
        let mut latencies: Vec<f64> = nodes.iter().flat_map(|node| node.latencies.iter().copied()).collect();
        latencies.sort_by(f64::total_cmp);
        let p99 = latencies.get(latencies.len().saturating_sub(1) * 99 / 100).copied();
        Self {
            phase: phase.name,
            offered_per_s: offered,
            goodput_per_s: goodput,
            goodput_share: goodput / offered.min(capacity_per_node() * nodes.len() as f64),
            critical: of_tier(Tier::Critical),
            critical_of_the_worst_node: critical.into_iter().fold(1.0, f64::min),
            bulk: of_tier(Tier::Bulk),
            p99_ms: p99.unwrap_or_default() * 1e3,
            jain: jain(&shares),
        }
    }
}

/// A share of nothing is whole.
fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 1.0 } else { f64::from(part) / f64::from(whole) }
}

fn jain(shares: &[f64]) -> f64 {
    let (sum, square) = (shares.iter().sum::<f64>(), shares.iter().map(|share| share * share).sum::<f64>());
    if square > 0.0 { sum * sum / (shares.len() as f64 * square) } else { 1.0 }
}

pub(super) fn table(runs: &[Run]) -> String {
    let mut text =
        String::from("                                  of possible critical worst  bulk  p99 ms  Jain\n");
    for (number, first) in runs[0].phases.iter().enumerate() {
        let _ = writeln!(text, "{}, {:.0} requests/s", first.phase, first.offered_per_s);
        for Run { sharing, phases } in runs {
            let f = &phases[number];
            let name = name(*sharing);
            let _ = writeln!(
                text,
                "  {name:<20}{:>7.0}/s {:>12.1} % {:>6.1} % {:>4.0} % {:>3.0} % {:>6.0} {:>6.3}",
                f.goodput_per_s,
                f.goodput_share * 100.0,
                f.critical * 100.0,
                f.critical_of_the_worst_node * 100.0,
                f.bulk * 100.0,
                f.p99_ms,
                f.jain,
            );
        }
    }
    text + MEANING
}

pub(super) fn name(sharing: bool) -> &'static str {
    if sharing { "sharing their loads" } else { "each alone" }
}

const MEANING: &str = "
of possible  goodput (served within the callers' patience) as a share of what a
             perfect gate would serve: min(offered, what the callee can do)
critical     of the critical requests of all nodes; worst: of the worst node
p99          of what was served, from the instant at which it was due
Jain         fairness between nodes, over the served share of their requests
";

pub(super) fn json(nodes: usize, runs: &[Run]) -> Value {
    let runs = runs.iter().map(|run| json!({ "sharing": run.sharing, "phases": run.phases }));
    json!({
        "nodes": nodes,
        "capacity_per_s": capacity_per_node() * nodes as f64,
        "runs": runs.collect::<Vec<_>>(),
    })
}
