// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The play: which process does what when.

use std::time::Duration;

use atrion_testbed::Redis;
use tokio::time::Instant;

use super::figures::{PhaseOfNode, Run, name};
use super::node::Seat;
use super::plan::{KILLED, PATIENCE, PHASES, WORK, WORKERS_PER_NODE, capacity_per_node};
use super::{CALLEE, NODE};
use crate::Failure;
use crate::process::Process;

pub(super) async fn both(nodes: usize) -> Result<Vec<Run>, Failure> {
    let (workers, capacity) = (WORKERS_PER_NODE * nodes, capacity_per_node() * nodes as f64);
    println!("{nodes} services in processes of their own, one Redis, and one callee for all:");
    println!("{workers} workers of {} ms, {capacity:.0} calls/s.", WORK.as_millis());
    println!("A caller gives up after {} ms, and tells Atrion so.", PATIENCE.as_millis());
    let mut runs = Vec::new();
    for sharing in [false, true] {
        runs.push(once(nodes, sharing).await?);
    }
    Ok(runs)
}

async fn once(nodes: usize, sharing: bool) -> Result<Run, Failure> {
    println!("\n{}", name(sharing));
    let mut redis = Redis::start()?;
    let mut callee = Process::start(&[CALLEE])?;
    callee.tell(&(WORKERS_PER_NODE * nodes).to_string()).await?;
    let address = callee.line().await?.parse()?;
    let mut fleet = Vec::new();
    for number in 1..=nodes {
        let name = format!("node-{number}");
        let seat = Seat { name, redis: redis.tcp_url(), callee: address, sharing, seed: number as u64 };
        let words = seat.words();
        let words: Vec<&str> = std::iter::once(NODE).chain(words.iter().map(String::as_str)).collect();
        let mut node = Process::start(&words)?;
        node.line().await?;
        fleet.push(node);
    }
    for node in &mut fleet {
        node.tell("go").await?;
    }
    let mut from = Instant::now();
    for (number, phase) in PHASES.iter().enumerate() {
        if number == KILLED {
            redis.kill();
        }
        println!("  {} for {} s", phase.name, phase.lasts.as_secs());
        from += phase.lasts;
        tokio::time::sleep_until(from).await;
    }
    let mut seen: Vec<Vec<PhaseOfNode>> = Vec::new();
    for node in &mut fleet {
        let line = tokio::time::timeout(LATE, node.line()).await.map_err(|_| "a node does not end")??;
        seen.push(serde_json::from_str(&line)?);
    }
    Ok(Run::of(sharing, &seen))
}

/// No request lasts longer.
const LATE: Duration = Duration::from_secs(10);
