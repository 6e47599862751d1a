// SPDX-License-Identifier: Apache-2.0
//! Lesson 5: a fleet that shares its scars through Redis. What one pod learns of a sick dependency,
//! the others know within a tenth of a second; what a pod decides by itself, it decides with or
//! without them.
//!
//! `ATRION_LICENSE_KEY=... REDIS_URL=redis://localhost \
//!  cargo run -p atrion --features cluster --example 05_cluster`
//!
//! It ends by itself, and also works without a license and without a Redis: requests do not depend
//! on them.

use std::time::Duration;

use atrion::cluster::redis::{RedisClusterProvider, SyncConfig};
use atrion::license::License;
use atrion::{Atrion, Health, Outcome, Tier};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let provider = RedisClusterProvider::builder()
        .url(url)
        .sync(SyncConfig::new(Duration::from_millis(100), "atrion:sync"))
        .gamma(0.3)
        // `.build_strict()` in the place of `.build()` is for services that must not start without
        // a license.
        .license(License::from_env())
        .build()?;
    let atrion = Atrion::builder().provider(provider).connect().await?;

    let checkout = atrion.route("api/checkout");
    for request in 0..20 {
        match checkout.admit(Tier::Normal) {
            Ok(permit) => permit.finish(call(request).await),
            Err(shed) => println!("request {request} is shed: {shed}"),
        }
    }

    // The requests went on, with and without the store.
    for store in atrion.provider_stats() {
        let nodes = store.nodes.unwrap_or_default();
        match &store.health {
            Health::Degraded { reason } => println!("{} is out of reach: {reason}", store.provider),
            _ => println!("{} is up, {} other nodes are heard", store.provider, nodes.live),
        }
    }
    println!("{:?} after twenty requests", checkout.mode());
    atrion.shutdown().await;
    Ok(())
}

async fn call(request: u32) -> Outcome {
    tokio::time::sleep(Duration::from_millis(10)).await;
    if request % 10 == 9 { Outcome::Failure } else { Outcome::Success }
}
