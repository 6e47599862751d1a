// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a Redis pays for a thousand changed routes: its own processor time, by its own account.

use std::time::Duration;

use atrion_state::StateProvider as _;
use atrion_testbed::{Redis, Reply};

use super::naive::Naive;
use super::{figure, provider, route, vector};

const ROUTES: usize = 1_000;
const SUBSCRIBERS: [usize; 2] = [2, 10];

pub(crate) async fn measure(quick: bool) {
    let rounds = if quick { 20 } else { 100 };
    for others in SUBSCRIBERS {
        let ours = shared(others, rounds).await;
        figure(&format!("fleet: redis us per 1000 routes, {others} others"), ours);
        let naive = naive(others, rounds);
        figure(&format!("fleet: redis us per 1000 routes as JSON, {others} others"), naive);
    }
}

/// One node changes a thousand routes in every pulse, so that peers predict each of them wrongly.
async fn shared(others: usize, rounds: u32) -> f64 {
    let redis = Redis::start().expect("a redis");
    let writer = provider("writer", &redis.tcp_url());
    writer.connect().await.expect("connected");
    let mut peers = Vec::new();
    for number in 0..others {
        let peer = provider(&format!("peer-{number}"), &redis.tcp_url());
        peer.connect().await.expect("connected");
        peers.push(peer);
    }
    let batch = |scar: f64| (0..ROUTES).map(|number| (route(number), vector(scar))).collect::<Vec<_>>();
    // Once for the names, which are told once in a life.
    writer.update_batch(&batch(1.0)).await.expect("taken");
    tokio::time::sleep(Duration::from_secs(3)).await;

    let before = cpu(&redis);
    for round in 0..rounds {
        let scar = if round % 2 == 0 { 60.0 } else { 20.0 };
        let routes = batch(scar);
        for half in routes.chunks(500) {
            writer.update_batch(half).await.expect("taken");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let spent = cpu(&redis) - before;
    let published = heard(&peers[0]);
    assert!(published >= 20.0, "the last round did not arrive");
    // The fleet's heartbeats of the same time are part of the price.
    spent / f64::from(rounds)
}

/// The scar of the last route at a peer.
fn heard(peer: &impl atrion_state::StateProvider) -> f64 {
    let view = peer.view(&route(ROUTES - 1));
    view.first().map_or(0.0, |register| register.vector.scar_tissue.get())
}

fn naive(others: usize, rounds: u32) -> f64 {
    let redis = Redis::start().expect("a redis");
    let mut naive = Naive::new(redis.address(), others);
    naive.push(ROUTES, 1.0);
    let before = cpu(&redis);
    for round in 0..rounds {
        naive.push(ROUTES, if round % 2 == 0 { 60.0 } else { 20.0 });
        std::thread::sleep(Duration::from_millis(20));
    }
    (cpu(&redis) - before) / f64::from(rounds)
}

/// Microseconds of processor time that the server has used so far.
fn cpu(redis: &Redis) -> f64 {
    (info(redis, "cpu", "used_cpu_user") + info(redis, "cpu", "used_cpu_sys")) * 1e6
}

/// A number of what the server says of itself.
pub(crate) fn info(redis: &Redis, section: &str, field: &str) -> f64 {
    let reply = redis.command(["INFO", section]).expect("INFO");
    let Reply::Text(text) = reply else { panic!("INFO is a text, not {reply:?}") };
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).expect("a number")
}
