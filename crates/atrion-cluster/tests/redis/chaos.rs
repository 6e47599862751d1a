// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A fleet of five engines while its store is killed, stopped, slow, cut off, emptied, locked and
//! full.

use std::time::Duration;

use atrion_core::Telemetry;
use atrion_engine::Atrion;
use atrion_state::{Health, StateProvider};
use atrion_testbed::Redis;
use tokio::time::sleep;

use super::fleet::{Fleet, NODES, resident};
use super::support::{ACL, builder, eventually, provider, route, vector};

const SECOND: Duration = Duration::from_secs(1);

fn degraded(fleet: &Fleet, number: usize) -> Option<String> {
    match fleet.nodes[number].provider.health() {
        Health::Degraded { reason } => Some(reason.to_string()),
        _ => None,
    }
}

async fn all_degraded(fleet: &Fleet, because: &str) {
    let down = |number| degraded(fleet, number).is_some_and(|reason| reason.contains(because));
    eventually(&format!("every node is degraded for `{because}`"), || (0..NODES).all(down)).await;
}

/// What has to hold after every fault, and what the requests noticed of it meanwhile.
async fn recovered(fleet: &mut Fleet, fault: &str) {
    let up = fleet.all_up().await;
    fleet.trauma(SECOND / 2).await;
    let agreed = fleet.agree().await;
    eventually("every node hears what the others ask of their callee", || {
        (0..NODES).all(|n| fleet.shares(n))
    })
    .await;
    fleet.nothing_is_lost().await;
    let traffic = fleet.traffic();
    eprintln!("{fault}: up after {up:.1?}, agreed after {agreed:.1?}, admissions {traffic:?}");
    assert_eq!(traffic.refused, 0, "{fault}: a request failed");
    assert!(traffic.admitted > 1_000, "{fault}: {traffic:?}");
    // That no request waits for the store is shown in `stuck.rs`, without a clock. Here something
    // would have to be badly wrong: the machine may be busy with other things.
    assert!(traffic.p99 < SECOND / 20 && traffic.worst < 5 * SECOND, "{fault}: {traffic:?}");
    fleet.went_on(fault);
    fleet.is_bounded(fault);
}

pub async fn a_fleet_survives_what_befalls_its_store() {
    let redis = Redis::start().unwrap();
    redis.command(ACL.split_whitespace()).unwrap();
    let mut fleet = Fleet::start(redis, Some(("atrion", "pw"))).await;
    fleet.all_up().await;
    fleet.trauma(SECOND).await;
    fleet.agree().await;
    eprintln!("healthy: {:?}", fleet.traffic());
    fleet.went_on("healthy");
    fleet.is_bounded("healthy");
    let memory = resident();

    // Emptied under its feet.
    fleet.redis.command(["FLUSHALL"]).unwrap();
    fleet.trauma(2 * SECOND).await;
    recovered(&mut fleet, "FLUSHALL").await;

    // A server that hangs, with its connections open.
    fleet.redis.stop();
    fleet.trauma(SECOND).await;
    all_degraded(&fleet, "no answer").await;
    fleet.redis.cont();
    recovered(&mut fleet, "SIGSTOP").await;

    // Two of five are cut off, and so are two that think that they are not.
    fleet.proxies[0].cut();
    fleet.proxies[1].cut();
    fleet.proxies[2].hold();
    fleet.proxies[3].half_open();
    fleet.trauma(2 * SECOND).await;
    let cut_off = || (0..4).all(|number| degraded(&fleet, number).is_some());
    eventually("a node that is cut off knows it", cut_off).await;
    assert!(fleet.nodes[4].provider.health().is_up(), "the partition is between others");
    let alone = || fleet.nodes[4].provider.view(&route("kept-0-0")).is_empty();
    eventually("a node that is silent for ten seconds counts no more", alone).await;
    assert!(!(0..NODES).any(|number| fleet.shares(number)), "nobody is heard, and nothing is shared");
    // No node keeps what no store takes.
    fleet.is_bounded("in the middle of a partition");
    fleet.proxies.iter().for_each(|proxy| proxy.restore());
    recovered(&mut fleet, "partition").await;

    // Slow, and too slow.
    fleet.proxies.iter().for_each(|proxy| proxy.delay(Duration::from_millis(60)));
    fleet.trauma(2 * SECOND).await;
    assert!((0..NODES).all(|number| degraded(&fleet, number).is_none()), "slow is not down");
    fleet.proxies.iter().for_each(|proxy| proxy.delay(Duration::from_millis(600)));
    fleet.trauma(SECOND).await;
    all_degraded(&fleet, "no answer").await;
    fleet.proxies.iter().for_each(|proxy| proxy.restore());
    recovered(&mut fleet, "delay").await;

    // Full: nothing can be written.
    fleet.redis.command(["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    fleet.trauma(SECOND).await;
    all_degraded(&fleet, "memory is full").await;
    fleet.redis.command(["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    recovered(&mut fleet, "maxmemory").await;

    // Locked out.
    fleet.redis.command(["ACL", "SETUSER", "atrion", "resetpass"]).unwrap();
    fleet.redis.command(["CLIENT", "KILL", "USER", "atrion"]).unwrap();
    fleet.trauma(SECOND).await;
    all_degraded(&fleet, "name or password refused").await;
    fleet.redis.command(["ACL", "SETUSER", "atrion", ">pw"]).unwrap();
    recovered(&mut fleet, "password revoked").await;

    // Killed, and back without anything in it: neither a record nor a user.
    fleet.redis.kill();
    fleet.trauma(2 * SECOND).await;
    let alone = || !(0..NODES).any(|number| fleet.shares(number));
    eventually("loads that are not said any more are gone", alone).await;
    fleet.redis.restart().unwrap();
    fleet.redis.command(ACL.split_whitespace()).unwrap();
    recovered(&mut fleet, "SIGKILL and an empty start").await;

    // Seven faults later. Generous, because other tests of this process come and go.
    if let (Some(before), Some(after)) = (memory, resident()) {
        eprintln!("resident: {} MB, at the end {} MB", before >> 20, after >> 20);
        assert!(after < before + (64 << 20), "{before} bytes, at the end {after}");
    }
    for node in &fleet.nodes {
        let stats = &node.provider.stats()[0];
        assert_eq!(stats.nodes.map(|nodes| nodes.live), Some(NODES - 1), "{stats:?}");
        // Everything that was changed is stored, but for what changed just now.
        assert!(stats.lag.is_some_and(|lag| lag < 3 * SECOND), "{stats:?}");
    }
    fleet.shutdown().await;
}

/// What one engine learns moves the gates of the others, fades when no node is heard, and is back
/// with the store.
pub async fn a_gate_hears_the_fleet_as_long_as_there_is_one() {
    let mut redis = Redis::start().unwrap();
    let mut engines = Vec::new();
    for number in 0..3 {
        let builder = builder(&format!("node-{number}"), &redis.tcp_url()).longest_wait(SECOND);
        engines.push(Atrion::builder().provider(builder.build().unwrap()).connect().await.unwrap());
    }
    let heard = |number: usize| engines[number].route("dependency").snapshot().terms.cluster;
    // Only the first has traffic to it, and all of that fails.
    let failing = Telemetry { latency: 0.01, error_rate: 1.0, saturation: 0.1 };
    let hurt = || drop(engines[0].update_physics("dependency", failing).unwrap());
    let told = || {
        hurt();
        heard(1) > 1.0 && heard(2) > 1.0
    };
    let took = eventually("the others hear of it", told).await;
    eprintln!("heard after {took:.1?}: {:.1} and {:.1} ohms", heard(1), heard(2));
    let modes: Vec<_> = (1..3).map(|number| engines[number].route("dependency").mode()).collect();
    redis.kill();
    let alone = || {
        hurt();
        heard(1) == 0.0 && heard(2) == 0.0
    };
    let took = eventually("no node is heard", alone).await;
    assert!(took > 2 * SECOND, "it fades, and does not break off: {took:?}");
    redis.restart().unwrap();
    eventually("the others hear of it again", told).await;
    assert_eq!(modes, (1..3).map(|number| engines[number].route("dependency").mode()).collect::<Vec<_>>());
    for engine in engines {
        engine.shutdown().await;
    }
}

pub async fn a_node_that_starts_without_its_store_remembers_when_it_comes() {
    let mut redis = Redis::start().unwrap();
    let url = redis.tcp_url();
    let first = provider("slot-0", &url);
    first.connect().await.unwrap();
    first.update_vector(route("a"), vector(50.0)).await.unwrap();
    first.disconnect().await.unwrap();
    assert_eq!(first.health(), Health::Disconnected);
    // A second life begins while the server hangs.
    redis.stop();
    let second = provider("slot-0", &url);
    let began = std::time::Instant::now();
    second.connect().await.unwrap();
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert!(
        matches!(second.health(), Health::Degraded { .. } | Health::Disconnected),
        "{:?}",
        second.health()
    );
    let unknown = second.get_vector(&route("a")).await.unwrap_err();
    assert!(unknown.is_retryable(), "{unknown}");
    second.update_vector(route("b"), vector(7.0)).await.unwrap();
    redis.cont();
    eventually("it is connected", || second.health().is_up()).await;
    let remembered = second.get_vector(&route("a")).await.unwrap().unwrap();
    assert_eq!(remembered.scar_tissue.get(), 50.0);
    assert!(remembered.age > Duration::from_millis(700), "{:?}", remembered.age);
    let warm: Vec<_> = second.warm_start().await.unwrap().into_iter().map(|(route, _)| route).collect();
    assert_eq!(warm.len(), 2, "{warm:?}");
    // And a disconnect while the store is gone says that something was lost with it.
    redis.kill();
    second.update_vector(route("b"), vector(80.0)).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(second.disconnect().await.is_err());
}
