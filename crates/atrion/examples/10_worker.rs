// SPDX-License-Identifier: Apache-2.0
//! Lesson 10: a worker whose jobs run for long, each under a lease. One is aborted by hand, one
//! hangs and is lost; both give their slots back, and the others go on.
//!
//! `cargo run -p atrion --example 10_worker`

use std::collections::BTreeMap;
use std::time::Duration;

use atrion::{Atrion, Config, Event, LeaseId, LeaseOptions, Outcome, Received, Route, RouteConfig, Tier};
use tokio::task::JoinSet;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Beats are due each 200 ms here, and a missed one is forgiven for as long. Jobs of minutes take
/// `LeaseOptions::heavy`, jobs of hours `LeaseOptions::extreme`.
fn options(clip: &str) -> LeaseOptions {
    LeaseOptions::custom(Duration::from_millis(200), Duration::from_millis(200)).owner(clip)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = Config::default().route("transcode", RouteConfig::default().cap(3));
    let atrion = Atrion::builder().config(config).connect().await?;
    let route = atrion.route("transcode");
    let mut events = atrion.subscribe();

    let mut jobs = JoinSet::new();
    jobs.spawn(work(route.clone(), "clip 1", true));
    jobs.spawn(work(route.clone(), "clip 2", true));
    jobs.spawn(work(route.clone(), "clip 3", false));
    let held = until(&route, |held| held.len() == 3).await?;
    for lease in route.snapshot().leases {
        println!("lease {} is held by {}, {} done", lease.id, lease.owner, done(lease.progress));
    }
    if route.lease(Tier::Normal, options("clip 4")).is_ok() {
        return Err("three jobs at once are all there is room for".into());
    }

    println!("\nclip 2 is aborted by hand; clip 3 hangs:");
    atrion.overrides().revoke(held["clip 2"], "its owner asked for it")?;
    until(&route, |held| held.keys().eq(["clip 1"])).await?;
    let mut ended = 0;
    while ended < 2 {
        let event = events.next().await.ok_or("the instance is gone")?;
        if let Received::Event(Event::LeaseEnded { owner, end, .. }) = event {
            println!("  {owner} was {end}");
            ended += 1;
        }
    }

    // The others' slots are free again.
    jobs.spawn(work(route.clone(), "clip 4", true));
    let mut finished = Vec::new();
    while let Some(job) = jobs.join_next().await {
        finished.extend(job?);
    }
    finished.sort_unstable();
    println!("\ndone to the end: {finished:?}");
    if finished != ["clip 1", "clip 4"] {
        return Err("two of the jobs should have been done".into());
    }
    atrion.shutdown().await;
    Ok(())
}

/// A job of twenty steps. Gives its name back if it was done to the end.
async fn work(route: Route, clip: &'static str, beats: bool) -> Option<&'static str> {
    let lease = route.lease(Tier::Normal, options(clip)).ok()?;
    let mut token = lease.token();
    for step in 1..=20 {
        tokio::select! {
            // The task is told, and not killed: here is where it cleans up.
            _ = token.cancelled() => return None,
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
        if beats {
            lease.progress(f64::from(step) / 20.0);
        }
    }
    lease.finish(Outcome::Success).then_some(clip)
}

/// Waits until what is held is as expected: the leases by their owners.
async fn until(
    route: &Route,
    holds: impl Fn(&BTreeMap<String, LeaseId>) -> bool,
) -> Result<BTreeMap<String, LeaseId>, Error> {
    let held = async {
        loop {
            let leases = route.snapshot().leases.into_iter();
            let held = leases.map(|lease| (lease.owner, lease.id)).collect();
            if holds(&held) {
                return held;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    Ok(tokio::time::timeout(Duration::from_secs(20), held).await?)
}

fn done(progress: Option<f64>) -> String {
    progress.map_or("none".to_owned(), |part| format!("{:.0} %", 100.0 * part))
}
