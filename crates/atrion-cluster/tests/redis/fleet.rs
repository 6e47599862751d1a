// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Five engines in one process, each with a provider and a way to the store of its own, and traffic
//! that never stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use atrion_cluster::redis::RedisClusterProvider;
use atrion_core::{AdaptiveConfig, Telemetry};
use atrion_engine::{Atrion, Config, Physics, RouteConfig};
use atrion_state::{Event, Observer, Register, StateProvider};
use atrion_testbed::{Proxy, Redis};

use super::support::{PATIENCE, builder, eventually, provider, route, vector};
use super::traffic::{Report, Traffic};

pub const NODES: usize = 5;
/// The route with the traffic.
const HEALTHY: &str = "healthy";
/// Long-lived routes of each node, beside the one that its engine learns of.
const KEPT: usize = 100;

pub struct Fleet {
    pub redis: Redis,
    pub proxies: Vec<Proxy>,
    pub nodes: Vec<Node>,
    traffic: Traffic,
    readers: usize,
}

/// Pulses of an engine since the last call.
#[derive(Debug, Default)]
struct Pulses(AtomicUsize);

impl Observer for Pulses {
    fn on_event(&self, event: &Event) {
        if matches!(event, Event::PulseFinished { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub struct Node {
    pub atrion: Atrion,
    pub provider: Arc<RedisClusterProvider>,
    pulses: Arc<Pulses>,
}

impl Fleet {
    pub async fn start(redis: Redis, login: Option<(&str, &str)>) -> Self {
        let mut proxies = Vec::new();
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let proxy = Proxy::to(redis.address()).unwrap();
            let mut builder = builder(&format!("node-{number}"), &redis.url_at("redis", proxy.address()));
            // Faults come one after the other here, and the wait would grow with each.
            builder = builder.longest_wait(Duration::from_secs(1));
            if let Some((user, password)) = login {
                builder = builder.user(user).password(password);
            }
            let provider = Arc::new(builder.build().unwrap());
            let pulses = Arc::new(Pulses::default());
            // All of them call one healthy thing, and say what load they have there.
            let shared = Physics::Adaptive(AdaptiveConfig { one_callee: true, ..AdaptiveConfig::default() });
            let shared = RouteConfig { physics: shared, ..RouteConfig::default() };
            let atrion = Atrion::builder()
                .config(Config::default().route(HEALTHY, shared))
                .shared_provider(Arc::clone(&provider) as _)
                .observer(Arc::clone(&pulses) as _)
                .connect()
                .await
                .unwrap();
            for kept in 0..KEPT {
                provider.update_vector(route(&format!("kept-{number}-{kept}")), vector(40.0)).await.unwrap();
            }
            proxies.push(proxy);
            nodes.push(Node { atrion, provider, pulses });
        }
        let traffic = Traffic::start(nodes.iter().map(|node| node.atrion.route(HEALTHY)).collect());
        Self { redis, proxies, nodes, traffic, readers: 0 }
    }

    /// Every node's own dependency fails for a while, so that each has something to tell.
    pub async fn trauma(&self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            self.hurt();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn hurt(&self) {
        for (number, node) in self.nodes.iter().enumerate() {
            let failing = Telemetry { latency: 0.01, error_rate: 1.0, saturation: 0.1 };
            node.atrion.update_physics(&format!("sick-{number}"), failing).unwrap();
        }
    }

    pub async fn all_up(&self) -> Duration {
        let up = |node: &Node| node.provider.health().is_up();
        eventually("every node is connected", || self.nodes.iter().all(up)).await
    }

    /// Whether a node knows what the fleet leaves to it of the callee that all of them have.
    pub fn shares(&self, number: usize) -> bool {
        self.nodes[number].atrion.route(HEALTHY).snapshot().share.is_some()
    }

    /// Every node sees the same of every other, and what it sees is what that one has.
    pub async fn agree(&self) -> Duration {
        let began = Instant::now();
        let mut wrong = Vec::new();
        loop {
            let Some(found) = self.disagreement().await else { return began.elapsed() };
            wrong.push(found);
            assert!(began.elapsed() < PATIENCE, "no agreement within {PATIENCE:?}: {wrong:#?}");
            // The scars stay fresh; what does not change any more is in the routes that are kept.
            self.hurt();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn disagreement(&self) -> Option<String> {
        for (owner, node) in self.nodes.iter().enumerate() {
            let kept = [0, KEPT - 1].map(|kept| format!("kept-{owner}-{kept}"));
            for on in [format!("sick-{owner}")].into_iter().chain(kept) {
                let Some(own) = node.provider.get_vector(&route(&on)).await.unwrap() else {
                    return Some(format!("node-{owner} has lost `{on}`"));
                };
                let own = own.aged_scar().get();
                if own < 1.0 {
                    return Some(format!("the scar of `{on}` is {own}: agreeing on it would show nothing"));
                }
                let mut first: Option<Register> = None;
                for (reader, other) in self.nodes.iter().enumerate().filter(|(reader, _)| *reader != owner) {
                    let view = other.provider.view(&route(&on));
                    let [seen] = &view[..] else {
                        return Some(format!("node-{reader} sees {} registers of `{on}`", view.len()));
                    };
                    let scar = seen.vector.aged_scar().get();
                    if (scar - own).abs() > 0.5 + 0.05 * own {
                        return Some(format!("node-{reader} sees {scar} of `{on}`, and it is {own}"));
                    }
                    // One version has one value, on every node and whichever way it came.
                    let first = first.get_or_insert_with(|| seen.clone());
                    let same = (first.incarnation, first.version) == (seen.incarnation, seen.version);
                    if !same || first.vector.scar_tissue != seen.vector.scar_tissue {
                        return Some(format!(
                            "node-{reader} has another version of `{on}`: {seen:?}, {first:?}"
                        ));
                    }
                }
            }
        }
        None
    }

    /// Nothing that a node knew itself is gone: neither with it, nor in the store for a node that
    /// comes next.
    pub async fn nothing_is_lost(&mut self) {
        for (number, node) in self.nodes.iter().enumerate() {
            for kept in 0..KEPT {
                let own = node.provider.get_vector(&route(&format!("kept-{number}-{kept}"))).await.unwrap();
                assert!(
                    own.is_some_and(|own| own.scar_tissue.get() == 40.0),
                    "kept-{number}-{kept}: {own:?}"
                );
            }
        }
        self.readers += 1;
        let newcomer = provider(&format!("reader-{}", self.readers), &self.redis.url());
        newcomer.connect().await.unwrap();
        let knows = |number: usize| {
            (0..KEPT).all(|kept| {
                let view = newcomer.view(&route(&format!("kept-{number}-{kept}")));
                view.iter().any(|register| register.node.as_str() == format!("node-{number}"))
            })
        };
        eventually("a newcomer knows what all nodes knew", || (0..NODES).all(knows)).await;
        newcomer.disconnect().await.unwrap();
    }

    /// Every engine went on computing. A fault lasts a second at least, which are ten pulses on a
    /// machine that has time.
    pub fn went_on(&self, fault: &str) {
        for (number, node) in self.nodes.iter().enumerate() {
            let pulses = node.pulses.0.swap(0, Ordering::Relaxed);
            assert!(pulses >= 3, "{fault}: node-{number} beat {pulses} times");
        }
    }

    /// However long a fault lasts and whatever is said meanwhile: no node holds more than there is
    /// to know.
    pub fn is_bounded(&self, fault: &str) {
        // Beside those that are kept the one that all nodes have traffic on, and the one that is
        // sick.
        let routes = KEPT + 2;
        let (peers, readers) = (NODES - 1, self.readers);
        for (number, node) in self.nodes.iter().enumerate() {
            let held = node.provider.fleet_stats();
            assert!(held.routes <= routes, "{fault}: node-{number} holds {held:?}");
            assert!(held.registers <= peers * routes, "{fault}: node-{number} holds {held:?}");
            assert!(held.live + held.fading <= peers + readers, "{fault}: node-{number} holds {held:?}");
            assert_eq!((held.evicted, held.evicted_peers, held.full), (0, 0, 0), "{fault}: node-{number}");
        }
    }

    /// What the admissions since the last call were like.
    pub fn traffic(&self) -> Report {
        self.traffic.report()
    }

    pub async fn shutdown(self) {
        self.traffic.stop();
        for node in &self.nodes {
            node.atrion.shutdown().await;
        }
    }
}

/// The memory of this process, where the system tells.
pub fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<usize>().ok().map(|kilobytes| kilobytes << 10)
}
