// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What came of it, as a table of 80 columns and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Failure;

pub(crate) struct Run {
    pub(crate) gamma: f64,
    pub(crate) nodes: Vec<NodeRun>,
}

pub(crate) struct NodeRun {
    pub(crate) name: String,
    pub(crate) calls: f64,
    pub(crate) with_store: Seen,
    pub(crate) without_store: Seen,
    pub(crate) admit_p99_healthy: Option<u64>,
    pub(crate) admit_p99_dead: Option<u64>,
}

/// What a node saw in one outage.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) first_brake_ms: Option<f64>,
    pub(crate) failed_before_brake: u64,
    pub(crate) admit_p99_ns: Option<u64>,
    scar: f64,
    cluster: f64,
}

impl Seen {
    pub(crate) fn parse(body: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(body)?;
        Ok(Self {
            first_brake_ms: value["first_brake_ms"].as_f64(),
            failed_before_brake: value["failed_before_brake"].as_u64().unwrap_or_default(),
            admit_p99_ns: value["admit_p99_ns"].as_u64(),
            scar: value["scar"].as_f64().unwrap_or_default(),
            cluster: value["cluster"].as_f64().unwrap_or_default(),
        })
    }

    pub(crate) fn line(&self) -> String {
        let brake =
            self.first_brake_ms.map_or("did not brake".to_owned(), |ms| format!("braked after {ms:.0} ms"));
        format!("{brake}; own scar {:.1}, the fleet's share {:+.1} ohms", self.scar, self.cluster)
    }
}

pub(crate) fn table(runs: &[Run]) -> String {
    let mut text =
        String::from("one outage, seen by each node          braked after  failed before  admit p99\n");
    for (title, pick) in [
        ("Redis alive", (|node: &NodeRun| (node.with_store, node.admit_p99_healthy)) as fn(&NodeRun) -> _),
        ("Redis killed", |node: &NodeRun| (node.without_store, node.admit_p99_dead)),
    ] {
        for Run { gamma, nodes } in runs {
            let _ = writeln!(text, "{title}, gamma {gamma}");
            for node in nodes {
                let (seen, p99): (Seen, Option<u64>) = pick(node);
                let brake = seen.first_brake_ms.map_or("never".to_owned(), |ms| format!("{ms:.0} ms"));
                let p99 = p99.map_or("-".to_owned(), |ns| format!("{ns} ns"));
                let (name, calls, failed) = (&node.name, node.calls, seen.failed_before_brake);
                let _ = writeln!(
                    text,
                    "  {name:<10} {calls:>3} calls a second {brake:>21} {failed:>14} {p99:>10}"
                );
            }
        }
    }
    text
}

pub(crate) fn json(runs: &[Run]) -> Value {
    let runs = runs.iter().map(|run| {
        let nodes = run.nodes.iter().map(|node| {
            json!({
                "node": node.name,
                "calls_per_second": node.calls,
                "first_brake_ms": node.with_store.first_brake_ms,
                "failed_before_brake": node.with_store.failed_before_brake,
                "admit_p99_ns": { "store_healthy": node.admit_p99_healthy, "store_dead": node.admit_p99_dead },
                "store_dead": {
                    "first_brake_ms": node.without_store.first_brake_ms,
                    "failed_before_brake": node.without_store.failed_before_brake,
                },
            })
        });
        json!({ "gamma": run.gamma, "nodes": nodes.collect::<Vec<_>>() })
    });
    json!({ "runs": runs.collect::<Vec<_>>() })
}
