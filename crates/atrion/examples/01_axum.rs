// SPDX-License-Identifier: Apache-2.0
//! Lesson 1: Atrion before an axum service that gets three times the load that it can carry.
//!
//! `cargo run -p atrion --features axum --example 01_axum`

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion::tower::header::SHED;
use atrion::tower::{AdmissionLayer, TrustedHeaders};
use atrion::{Atrion, Config, Tier};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::Response;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower_http::classify::{
    ClassifiedResponse, ClassifyResponse, NeverClassifyEos, ServerErrorsAsFailures, ServerErrorsFailureClass,
    SharedClassifier,
};
use tower_http::trace::TraceLayer;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    // One instance for the process. The SLO is the one number worth setting: the callers' timeout.
    let config = Config::default().slo(Duration::from_secs(1));
    let atrion = Atrion::builder().config(config).connect().await?;

    let app = Router::new()
        .route("/carts/{cart}/checkout", post(checkout))
        // The whole integration. Every template is a route of its own: `POST
        // /carts/{cart}/checkout`. The headers may be trusted here because this service's only
        // callers are ours.
        .layer(AdmissionLayer::new(atrion.clone()).trust_headers(TrustedHeaders::new()))
        // A refusal is an answer given on purpose: by itself, the trace would log each as an error.
        .layer(TraceLayer::new(SharedClassifier::new(Failures)))
        // What is added after the layer is outside of it: a health check must not be shed.
        .route("/health", get(async || "fine\n"))
        .with_state(Workers::of(4));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    // A little traffic first: within two seconds the route knows what normal is.
    let base = format!("http://{address}");
    drive(&base, &[Tier::Normal], Duration::from_millis(25), Duration::from_secs(2)).await?;

    println!("4 workers of 40 ms carry 100 requests a second; 300 a second arrive for 4 s");
    let mix = [Tier::Critical, Tier::Normal, Tier::Normal, Tier::Bulk, Tier::Bulk, Tier::Bulk];
    let seen = drive(&base, &mix, Duration::from_millis(20), Duration::from_secs(4)).await?;
    for (tier, count) in seen.tiers.iter().rev() {
        println!("{:<9} {:>5} served {:>5} refused", tier.as_str(), count.served, count.refused);
    }
    println!("\nthe latest refusal:\n{}", seen.refusal.ok_or("nothing was refused")?);

    let route = atrion.route("POST /carts/{cart}/checkout").snapshot();
    println!("\n{}: {} at {}, room for {:.0} requests", route.id, route.mode, route.resistance, route.target);
    atrion.shutdown().await;
    Ok(())
}

/// Server errors are failures, and refusals are not.
#[derive(Clone)]
struct Failures;

impl ClassifyResponse for Failures {
    type FailureClass = ServerErrorsFailureClass;
    type ClassifyEos = NeverClassifyEos<ServerErrorsFailureClass>;

    fn classify_response<B>(
        self,
        response: &Response<B>,
    ) -> ClassifiedResponse<Self::FailureClass, Self::ClassifyEos> {
        if response.headers().contains_key(SHED) {
            return ClassifiedResponse::Ready(Ok(()));
        }
        ServerErrorsAsFailures::new().classify_response(response)
    }

    fn classify_error<E: Display + 'static>(self, error: &E) -> Self::FailureClass {
        ServerErrorsAsFailures::new().classify_error(error)
    }
}

/// A dependency that does four things at a time and lets the rest wait.
#[derive(Clone)]
struct Workers(Arc<Semaphore>);

impl Workers {
    fn of(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }
}

async fn checkout(State(Workers(workers)): State<Workers>, Path(cart): Path<String>) -> String {
    let _turn = workers.acquire().await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    format!("cart {cart} is paid\n")
}

#[derive(Default)]
struct Seen {
    tiers: BTreeMap<Tier, Count>,
    refusal: Option<String>,
}

#[derive(Default)]
struct Count {
    served: u32,
    refused: u32,
}

/// Sends one request for each of `mix` every `pace`, whether or not the earlier ones are answered.
async fn drive(base: &str, mix: &[Tier], pace: Duration, length: Duration) -> Result<Seen, Error> {
    let client = reqwest::Client::new();
    let mut calls = tokio::task::JoinSet::new();
    let mut ticks = tokio::time::interval(pace);
    let begin = Instant::now();
    while begin.elapsed() < length {
        ticks.tick().await;
        for tier in mix.iter().copied() {
            let request =
                client.post(format!("{base}/carts/17/checkout")).header("x-atrion-tier", tier.as_str());
            calls.spawn(async move {
                let answer = request.send().await?;
                let head = format!("{}\n{:#?}", answer.status(), answer.headers());
                let served = answer.status().is_success();
                Ok::<_, reqwest::Error>((tier, served, format!("{head}\n{}", answer.text().await?)))
            });
        }
    }
    let mut seen = Seen::default();
    while let Some(call) = calls.join_next().await {
        let (tier, served, text) = call??;
        let count = seen.tiers.entry(tier).or_default();
        if served {
            count.served += 1;
        } else {
            count.refused += 1;
            seen.refusal = Some(text);
        }
    }
    Ok(seen)
}
