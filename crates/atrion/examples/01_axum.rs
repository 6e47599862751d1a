// SPDX-License-Identifier: Apache-2.0
//! Lesson 1: an axum service in front of which Atrion stands, and three times the load that it can carry.
//!
//! `cargo run -p atrion --features axum --example 01_axum`

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use atrion::tower::{AdmissionLayer, TrustedHeaders};
use atrion::{Atrion, Config, Tier};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    // One instance for the process. The SLO is the one number worth setting: the callers' own timeout.
    let config = Config::default().slo(Duration::from_millis(400));
    let atrion = Atrion::builder().config(config).connect().await?;

    let app = Router::new()
        .route("/carts/{cart}/checkout", post(checkout))
        // The whole integration. Every template is a route of its own: `POST /carts/{cart}/checkout`.
        // The headers may be trusted here because this service's only callers are ours.
        .layer(AdmissionLayer::new(atrion.clone()).trust_headers(TrustedHeaders::new()))
        // What is added after the layer is outside of it: a health check must not be shed.
        .route("/health", get(async || "fine\n"))
        .with_state(Workers::of(8));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    println!("8 workers of 20 ms carry 400 requests a second; 1200 a second arrive for 4 s");
    let served = overload(&format!("http://{address}"), Duration::from_secs(4)).await?;
    for (tier, [ok, shed]) in served {
        println!("{:<9} {ok:>5} served {shed:>5} refused", tier.as_str());
    }

    let refusal = one_refusal(&format!("http://{address}")).await?;
    println!("\na refusal in full:\n{refusal}");
    let route = atrion.route("POST /carts/{cart}/checkout").snapshot();
    println!("\n{}: {} at {}, room for {:.0} requests", route.id, route.mode, route.resistance, route.limit);
    atrion.shutdown().await;
    Ok(())
}

/// A dependency that does eight things at a time and lets the rest wait.
#[derive(Clone)]
struct Workers(Arc<Semaphore>);

impl Workers {
    fn of(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }
}

async fn checkout(State(Workers(workers)): State<Workers>, Path(cart): Path<String>) -> String {
    let _turn = workers.acquire().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    format!("cart {cart} is paid\n")
}

/// Three tiers of 400 requests a second each; what became of them.
async fn overload(base: &str, length: Duration) -> Result<Vec<(Tier, [u64; 2])>, Error> {
    let client = reqwest::Client::new();
    let tiers = [Tier::Critical, Tier::Normal, Tier::Bulk];
    let counts: Arc<[[AtomicU64; 2]; 3]> = Arc::default();
    let mut calls = tokio::task::JoinSet::new();
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let begin = Instant::now();
    for cart in 0_u64.. {
        if begin.elapsed() >= length {
            break;
        }
        pace.tick().await;
        for (index, tier) in tiers.into_iter().enumerate() {
            for _ in 0..2 {
                let request = client
                    .post(format!("{base}/carts/{cart}/checkout"))
                    .header("x-atrion-tier", tier.as_str());
                let counts = Arc::clone(&counts);
                calls.spawn(async move {
                    let answer = request.send().await?;
                    counts[index][usize::from(!answer.status().is_success())].fetch_add(1, Relaxed);
                    answer.bytes().await
                });
            }
        }
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    let read = |index: usize| [counts[index][0].load(Relaxed), counts[index][1].load(Relaxed)];
    Ok(tiers.into_iter().enumerate().map(|(index, tier)| (tier, read(index))).collect())
}

/// The first refusal that a burst of bulk requests meets.
async fn one_refusal(base: &str) -> Result<String, Error> {
    let client = reqwest::Client::new();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let request = client.post(format!("{base}/carts/0/checkout")).header("x-atrion-tier", "bulk");
        calls.spawn(request.send());
    }
    while let Some(call) = calls.join_next().await {
        let answer = call??;
        if answer.status().is_server_error() {
            let head = format!("{}\n{:#?}", answer.status(), answer.headers());
            return Ok(format!("{head}\n{}", answer.text().await?));
        }
    }
    Err("a burst of 200 bulk requests was served whole".into())
}
