// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a callee that is one for all nodes costs: the Redis, which carries every node's load in every
//! pulse, and the node that runs the laws on their sums.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, Capacity, Load, Mono};
use atrion_state::{Liveness, NodeId, Register, RegisterSet, RegisterSetLimits, StateProvider as _};
use atrion_testbed::Redis;

use super::store::info;
use super::{figure, nanos, provider, route, vector};

/// Ten windows a second, each with traffic of every tier.
const LOAD: Load = Load {
    offered: [10.0, 20.0, 40.0, 20.0, 10.0],
    admitted: 100.0,
    in_time: 98.0,
    late: 1.0,
    failed: 1.0,
    latency: 5.0,
    held: 0.1,
    in_flight: 5.0,
};
const TICK: Duration = Duration::from_millis(100);
const NODES: usize = 10;

/// What a pulse pays for the peers of one such route.
pub(crate) fn sums(quick: bool) {
    let (liveness, now) = (Liveness::default(), Mono::from_nanos(1_000_000_000));
    let config = AdaptiveConfig::default();
    for nodes in [2, 20, 200] {
        let mut set = RegisterSet::new(RegisterSetLimits::default(), liveness);
        for peer in 1..nodes {
            let name = NodeId::new(&format!("pod-{peer}")).expect("a name");
            set.accept(route(0), &Register::new(name, 1, 1, vector(0.0).with_load(LOAD)), now);
        }
        let (name, mut peers, mut capacity) = (route(0), Vec::new(), Capacity::default());
        let step = nanos(quick, || {
            peers.clear();
            peers.extend(set.peers(&name, &liveness, now));
            capacity.step(TICK, &LOAD, peers.iter().map(|peer| peer.load), &config);
            capacity.share()
        });
        figure(&format!("fleet: view and laws of {nodes} nodes"), step);
    }
}

/// What the Redis pays, with a load in each pulse and with heartbeats alone.
pub(crate) async fn measure(quick: bool) {
    for (how, load) in [("", LOAD), (" without loads", Load::NONE)] {
        let redis = Redis::start().expect("a redis");
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let node = provider(&format!("node-{number}"), &redis.tcp_url());
            node.connect().await.expect("connected");
            nodes.push(node);
        }
        let told = vector(0.0).with_load(load);
        // Once for the names, which are told once in a life.
        for node in &nodes {
            node.update_vector(route(0), told).await.expect("taken");
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let seconds = if quick { 2 } else { 10 };
        let counts = || {
            let of = |section, field| info(&redis, section, field);
            let cpu = of("cpu", "used_cpu_user") + of("cpu", "used_cpu_sys");
            [cpu * 1e6, of("stats", "total_net_input_bytes"), of("stats", "total_net_output_bytes")]
        };
        let before = counts();
        let mut pulses = tokio::time::interval(TICK);
        for _ in 0..10 * seconds {
            pulses.tick().await;
            for node in &nodes {
                node.update_vector(route(0), told).await.expect("taken");
            }
        }
        let names = ["redis us", "bytes to the redis", "bytes from the redis"];
        for ((name, before), after) in names.into_iter().zip(before).zip(counts()) {
            let each = (after - before) / (f64::from(seconds) * NODES as f64);
            figure(&format!("fleet: {name} per node and second{how}, {NODES} nodes"), each);
        }
    }
}
