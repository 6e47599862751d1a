// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! From a scar at one node to the resistance of another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion_core::Telemetry;
use atrion_engine::Atrion;
use atrion_testbed::Redis;

use super::{figure, provider, route};

pub(crate) async fn measure(quick: bool) {
    let redis = Redis::start().expect("a redis");
    let mut nodes = Vec::new();
    for name in ["hurt", "warned"] {
        let provider = Arc::new(provider(name, &redis.tcp_url()));
        nodes.push(Atrion::builder().shared_provider(provider).connect().await.expect("an instance"));
    }
    let [hurt, warned] = &nodes[..] else { return };
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    let mut spans = Vec::new();
    for round in 0..if quick { 20 } else { 200 } {
        let name = route(round);
        let route = warned.route(name.as_str());
        for _ in 0..12 {
            report(hurt, name.as_str(), 0.0);
        }
        // A different place in the pulses of both in every round.
        tokio::time::sleep(Duration::from_millis(120 + (round as u64 * 37) % 100)).await;
        // An outage goes on: one scar alone, of a report or two, is less than what peers are told
        // at once.
        let (mut scarred, began) = (None, Instant::now());
        let mut next_report = began;
        while route.snapshot().terms.cluster < 0.005 {
            let now = Instant::now();
            assert!(now - began < Duration::from_secs(30), "the warning never came");
            if now >= next_report {
                report(hurt, name.as_str(), 1.0);
                next_report = now + Duration::from_millis(5);
            }
            if scarred.is_none() && hurt.route(name.as_str()).snapshot().terms.scar.get() >= 0.1 {
                scarred = Some(now);
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        let scarred = scarred.expect("a warning has a scar");
        spans.push(scarred.elapsed().as_secs_f64() * 1e9);
    }
    spans.sort_by(f64::total_cmp);
    figure("fleet: p50 of trauma to resistance", spans[spans.len() / 2]);
    figure("fleet: p99 of trauma to resistance", spans[spans.len() * 99 / 100]);
    for node in &nodes {
        node.shutdown().await;
    }
}

fn report(node: &Atrion, route: &str, error_rate: f64) {
    let report = Telemetry { latency: 0.01, error_rate, saturation: 0.1 };
    node.update_physics(route, report).expect("a report");
}
