// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The play: which process does what when.

use std::net::SocketAddr;
use std::time::Duration;

use atrion_testbed::Redis;
use tokio::task::JoinHandle;

use super::dependency::Dependency;
use super::outcome::{NodeRun, Run, Seen};
use crate::process::Process;
use crate::{Failure, http};

/// Half of the nodes are busy, rounded down; each of the others has a call every few seconds, too
/// few to learn from.
const CALLS: [f64; 2] = [60.0, 0.3];
const CALM: Duration = Duration::from_secs(7);
const OUTAGE: Duration = Duration::from_secs(8);
/// Long enough that what a silent fleet said counts no more.
const WITHOUT: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn both(nodes: usize) -> Result<Vec<Run>, Failure> {
    let (busy, calls) = (nodes / 2, format!("{} calls a second each, the others {}", CALLS[0], CALLS[1]));
    println!("{nodes} services, one Redis, one dependency. {busy} of them with {calls}.");
    println!("A node brakes when its gate refuses the lowest tier, or opens.");
    if cfg!(debug_assertions) {
        println!("Not optimized: compare the times of admissions with each other, not with the benchmarks.");
    }
    let mut runs = Vec::new();
    for gamma in [0.0, 0.3] {
        runs.push(once(nodes, gamma).await?);
    }
    Ok(runs)
}

async fn once(nodes: usize, gamma: f64) -> Result<Run, Failure> {
    println!("\ngamma {gamma}");
    let mut redis = Redis::start()?;
    let dependency = Dependency::start().await?;
    let mut fleet = Vec::new();
    for number in 0..nodes {
        let calls = CALLS[usize::from(number >= nodes / 2)];
        fleet.push(Service::start(number, calls, &redis.tcp_url(), dependency.address, gamma).await?);
    }
    say(&format!("all is well for {} s", CALM.as_secs()));
    tokio::time::sleep(CALM).await;

    mark(&fleet).await?;
    dependency.fail(true);
    say(&format!("the dependency fails for {} s", OUTAGE.as_secs()));
    tokio::time::sleep(OUTAGE).await;
    let with_store = look(&fleet).await?;
    tell(&fleet, &with_store);

    dependency.fail(false);
    redis.kill();
    mark(&fleet).await?;
    say(&format!("the dependency is back, Redis is killed; {} s pass", WITHOUT.as_secs()));
    tokio::time::sleep(WITHOUT).await;
    let dead = look(&fleet).await?;

    mark(&fleet).await?;
    dependency.fail(true);
    say(&format!("the dependency fails again for {} s", OUTAGE.as_secs()));
    tokio::time::sleep(OUTAGE).await;
    let without_store = look(&fleet).await?;
    tell(&fleet, &without_store);
    let each = fleet.iter().zip(with_store).zip(dead).zip(without_store);
    let nodes = each.map(|(((service, with_store), dead), without_store)| NodeRun {
        name: service.name.clone(),
        calls: service.calls,
        admit_p99_healthy: with_store.admit_p99_ns,
        admit_p99_dead: dead.admit_p99_ns,
        with_store,
        without_store,
    });
    Ok(Run { gamma, nodes: nodes.collect() })
}

fn say(what: &str) {
    println!("  {what}");
}

async fn mark(fleet: &[Service]) -> Result<(), Failure> {
    for service in fleet {
        http::get(service.address, "/mark", PATIENCE).await?;
    }
    Ok(())
}

async fn look(fleet: &[Service]) -> Result<Vec<Seen>, Failure> {
    let mut all = Vec::new();
    for service in fleet {
        let (_, body) = http::get(service.address, "/stats", PATIENCE).await?;
        all.push(Seen::parse(&body)?);
    }
    Ok(all)
}

fn tell(fleet: &[Service], all: &[Seen]) {
    for (service, seen) in fleet.iter().zip(all) {
        say(&format!("  {}: {}", service.name, seen.line()));
    }
}

/// A process, and its clients.
struct Service {
    name: String,
    calls: f64,
    address: SocketAddr,
    clients: JoinHandle<()>,
    _process: Process,
}

impl Service {
    async fn start(
        number: usize,
        calls: f64,
        redis: &str,
        dependency: SocketAddr,
        gamma: f64,
    ) -> Result<Self, Failure> {
        let name = format!("node-{}", number + 1);
        let words = [super::NODE, &name, redis, &dependency.to_string(), &gamma.to_string()];
        let mut process = Process::start(&words)?;
        let address: SocketAddr = process.line().await?.parse()?;
        let clients = tokio::spawn(call(address, calls));
        Ok(Self { name, calls, address, clients, _process: process })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.clients.abort();
    }
}

/// Open loop: a call at fixed intervals, whatever became of the last.
async fn call(address: SocketAddr, per_second: f64) {
    let mut interval = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    loop {
        interval.tick().await;
        tokio::spawn(async move {
            // A refusal and an error are answers like any other.
            let _ = http::get(address, "/pay", PATIENCE).await;
        });
    }
}
