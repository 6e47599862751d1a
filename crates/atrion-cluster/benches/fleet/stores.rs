// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Single admissions, each timed, while something is wrong with the Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion_core::{Outcome, Telemetry, Tier};
use atrion_engine::{Atrion, Route};
use atrion_testbed::{Proxy, Redis};

use super::{figure, provider};

pub(crate) async fn measure(quick: bool) {
    let mut redis = Redis::start().expect("a redis");
    let proxy = Proxy::to(redis.address()).expect("a proxy");
    let url = redis.url_at("redis", proxy.address());
    let provider = Arc::new(provider("node", &url));
    let atrion = Atrion::builder().shared_provider(provider).connect().await.expect("an instance");
    let route = atrion.route("pay");
    let admits = if quick { 100_000 } else { 1_000_000 };
    let look = async |state: &str| {
        // So that what is wrong is noticed, and pushes are under way.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let (atrion, route) = (atrion.clone(), route.clone());
        let times = tokio::task::spawn_blocking(move || time_admissions(&atrion, &route, admits));
        let times = times.await.expect("measured");
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let at = (times.len() as f64 * share) as usize;
            figure(&format!("fleet: {name} of admit, redis {state}"), times[at] as f64);
        }
    };
    look("healthy").await;
    proxy.delay(Duration::from_millis(200));
    look("slow").await;
    proxy.restore();
    redis.config_set("maxmemory", "1").expect("a setting");
    look("full").await;
    redis.config_set("maxmemory", "0").expect("a setting");
    redis.stop();
    look("stopped").await;
    redis.cont();
    redis.kill();
    look("killed").await;
    redis.restart().expect("a server");
    look("restarted empty").await;
    atrion.shutdown().await;
}

fn time_admissions(atrion: &Atrion, route: &Route, admits: usize) -> Vec<u64> {
    let mut times = Vec::with_capacity(admits);
    for nth in 0..admits {
        // Something to push in every pulse.
        if nth % 10_000 == 0 {
            let error_rate = if nth % 20_000 == 0 { 0.9 } else { 0.0 };
            let report = Telemetry { latency: 0.01, error_rate, saturation: 0.1 };
            atrion.update_physics("hurt", report).expect("a report");
        }
        let begin = Instant::now();
        let permit = route.admit(Tier::Critical);
        times.push(begin.elapsed().as_nanos() as u64);
        if let Ok(permit) = permit {
            permit.finish(Outcome::Success);
        }
    }
    times.sort_unstable();
    times
}
