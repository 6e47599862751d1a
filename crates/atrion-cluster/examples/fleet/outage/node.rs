// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! One process of the fleet: a service that calls the dependency, behind Atrion.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use atrion_cluster::redis::RedisClusterProvider;
use atrion_core::{Mode, Outcome, Tier};
use atrion_engine::{Atrion, Route};
use atrion_license::development;
use atrion_state::lock;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;

use crate::{Failure, http};

/// What this process is told: its name, its store, its dependency and the weight of the fleet.
pub(crate) struct Seat {
    pub(crate) name: String,
    pub(crate) redis: String,
    pub(crate) dependency: SocketAddr,
    pub(crate) gamma: f64,
}

impl Seat {
    pub(crate) fn parse(words: &[String]) -> Result<Self, Failure> {
        let [name, redis, dependency, gamma] = words else { return Err("a node takes four words".into()) };
        let (dependency, gamma) = (dependency.parse()?, gamma.parse()?);
        Ok(Self { name: name.clone(), redis: redis.clone(), dependency, gamma })
    }
}

struct Node {
    route: Route,
    dependency: SocketAddr,
    watch: Mutex<Watch>,
}

/// What was seen since the last mark.
struct Watch {
    since: Instant,
    failed: u64,
    /// When the gate first refused the lowest tier, and after how many failures.
    braked: Option<(Duration, u64)>,
    admits: Vec<u64>,
}

impl Watch {
    fn new() -> Self {
        Self { since: Instant::now(), failed: 0, braked: None, admits: Vec::new() }
    }
}

/// The top of the lowest tier: from here on none of it passes.
const BRAKES: f64 = 22.0;
const PATIENCE: Duration = Duration::from_millis(500);

pub(crate) async fn serve(seat: Seat) -> Result<(), Failure> {
    let key = development::key(atrion_license::Tier::Enterprise)?;
    let provider = RedisClusterProvider::builder()
        .url(seat.redis)
        .node(seat.name)
        .gamma(seat.gamma)
        .license(key)
        .build()?;
    let atrion = Atrion::builder().provider(provider).connect().await?;
    let watch = Mutex::new(Watch::new());
    let node = Arc::new(Node { route: atrion.route("pay"), dependency: seat.dependency, watch });
    let probe = atrion.route("probe");
    std::thread::spawn({
        let node = Arc::clone(&node);
        move || time_admissions(&node, &probe)
    });
    tokio::spawn(look_at_the_gate(Arc::clone(&node)));

    let app = Router::new()
        .route("/pay", get(pay))
        .route("/mark", get(mark))
        .route("/stats", get(stats))
        .with_state(node);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn pay(State(node): State<Arc<Node>>) -> StatusCode {
    let Ok(permit) = node.route.admit(Tier::Normal) else { return StatusCode::SERVICE_UNAVAILABLE };
    let answer = http::get(node.dependency, "/work", PATIENCE).await;
    if answer.is_ok_and(|(status, _)| status == 200) {
        permit.finish(Outcome::Success);
        StatusCode::OK
    } else {
        permit.finish(Outcome::Failure);
        node.watch().failed += 1;
        StatusCode::BAD_GATEWAY
    }
}

async fn mark(State(node): State<Arc<Node>>) {
    *node.watch() = Watch::new();
}

async fn stats(State(node): State<Arc<Node>>) -> String {
    let mut watch = node.watch();
    let (failed, braked) = (watch.failed, watch.braked);
    let admits = &mut watch.admits;
    admits.sort_unstable();
    let p99 = admits.get(admits.len() * 99 / 100).copied();
    let terms = node.route.snapshot().terms;
    json!({
        "first_brake_ms": braked.map(|(after, _)| after.as_secs_f64() * 1e3),
        "failed_before_brake": braked.map_or(failed, |(_, failed)| failed),
        "admit_p99_ns": p99,
        "scar": terms.scar.get(),
        "cluster": terms.cluster,
    })
    .to_string()
}

/// Reads the gate often, so that a node with little traffic is not late by its own requests.
async fn look_at_the_gate(node: Arc<Node>) {
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let brakes =
            node.route.mode() == Mode::CircuitBreaker || node.route.snapshot().terms.at_rest() >= BRAKES;
        let mut watch = node.watch();
        if brakes && watch.braked.is_none() {
            watch.braked = Some((watch.since.elapsed(), watch.failed));
        }
    }
}

/// On a thread and a route of its own: a few admissions now and then, each timed.
fn time_admissions(node: &Node, route: &Route) {
    loop {
        std::thread::sleep(Duration::from_millis(2));
        let mut took = [0; 50];
        for took in &mut took {
            let begin = Instant::now();
            let permit = route.admit(Tier::Critical);
            *took = begin.elapsed().as_nanos() as u64;
            if let Ok(permit) = permit {
                permit.finish(Outcome::Success);
            }
        }
        node.watch().admits.extend(took);
    }
}

impl Node {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        lock(&self.watch)
    }
}
