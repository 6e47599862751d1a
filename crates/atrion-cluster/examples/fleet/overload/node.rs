// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! One process of the fleet: a service that calls the callee for each of its requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use atrion_cluster::redis::RedisClusterProvider;
use atrion_core::{AdaptiveConfig, Outcome};
use atrion_engine::{Atrion, Config, Physics, Route, RouteConfig};
use atrion_license::development;
use atrion_state::lock;
use tokio::io::AsyncBufReadExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::figures::PhaseOfNode;
use super::plan::{Arrival, PATIENCE, PHASES, arrivals};
use crate::{Failure, http};

/// What this process is told.
pub(super) struct Seat {
    pub(super) name: String,
    pub(super) redis: String,
    pub(super) callee: SocketAddr,
    pub(super) sharing: bool,
    pub(super) seed: u64,
}

impl Seat {
    pub(super) fn parse(words: &[String]) -> Result<Self, Failure> {
        let [name, redis, callee, sharing, seed] = words else {
            return Err("a node takes five words".into());
        };
        Ok(Self {
            name: name.clone(),
            redis: redis.clone(),
            callee: callee.parse()?,
            sharing: sharing.parse()?,
            seed: seed.parse()?,
        })
    }

    pub(super) fn words(&self) -> [String; 5] {
        let Self { name, redis, callee, sharing, seed } = self;
        [name.clone(), redis.clone(), callee.to_string(), sharing.to_string(), seed.to_string()]
    }

    async fn atrion(&self) -> Result<Atrion, Failure> {
        let provider = RedisClusterProvider::builder()
            .url(self.redis.as_str())
            .node(self.name.as_str())
            .gamma(if self.sharing { 0.3 } else { 0.0 })
            .license(development::key(atrion_license::Tier::Enterprise)?)
            .build()?;
        let physics =
            AdaptiveConfig { slo: Some(PATIENCE), one_callee: self.sharing, ..AdaptiveConfig::default() };
        let default = RouteConfig { physics: Physics::Adaptive(physics), ..RouteConfig::default() };
        let config = Config { default, ..Config::default() };
        Ok(Atrion::builder().provider(provider).config(config).connect().await?)
    }
}

/// Says that it is ready, waits for a line, serves its requests, and says what became of them.
pub(super) async fn play(seat: &Seat) -> Result<(), Failure> {
    let atrion = seat.atrion().await?;
    let route = atrion.route("callee");
    println!("ready");
    tokio::io::BufReader::new(tokio::io::stdin()).lines().next_line().await?;
    let start = Instant::now();
    let tally = Arc::new(Mutex::new(PHASES.map(|_| PhaseOfNode::default())));
    let mut requests = JoinSet::new();
    for arrival in arrivals(seat.seed) {
        tokio::time::sleep_until(start + arrival.at).await;
        requests.spawn(request(route.clone(), seat.callee, start, arrival, Arc::clone(&tally)));
        while requests.try_join_next().is_some() {}
    }
    while requests.join_next().await.is_some() {}
    println!("{}", serde_json::to_string(&*lock(&tally))?);
    Ok(())
}

async fn request(
    route: Route,
    callee: SocketAddr,
    start: Instant,
    arrival: Arrival,
    tally: Arc<Mutex<[PhaseOfNode; PHASES.len()]>>,
) {
    let served = match route.admit(arrival.tier) {
        Ok(permit) => {
            let answer = http::get(callee, "/work", PATIENCE).await;
            let served = answer.is_ok_and(|(status, _)| status == 200);
            permit.finish(if served { Outcome::Success } else { Outcome::Failure });
            served
        }
        Err(_) => false,
    };
    // From the instant at which it was due.
    let took = (start.elapsed() - arrival.at).as_secs_f64();
    let phase = &mut lock(&tally)[arrival.phase];
    let tier = arrival.tier as usize;
    phase.offered[tier] += 1;
    if served {
        phase.served[tier] += 1;
        phase.latencies.push(took);
    }
}
