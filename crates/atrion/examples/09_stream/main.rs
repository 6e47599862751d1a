// SPDX-License-Identifier: Apache-2.0
//! Lesson 9: a gateway of server-sent events before a model. Streams are judged at their first
//! token, and a client that leaves gives its place back while the model writes.
//!
//! The model is a small one of our own, in `model.rs`: a batch of eight, a queue before it, and a
//! token each few milliseconds.
//!
//! `cargo run -p atrion --features axum --example 09_stream`

mod model;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use atrion::tower::{AdmissionLayer, Hold, RouteNames, TrustedHeaders};
use atrion::{Atrion, Config, Route};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let model = model::Model::new(8);
    let behind = serve(model.app()).await?;
    // The first token is to be there after half a second.
    let config = Config::default().slo(Duration::from_millis(500));
    let atrion = Atrion::builder().config(config).connect().await?;
    let gateway = serve(gateway(behind, atrion.clone())).await?;
    let route = atrion.route("completions");

    println!("one client, forty tokens:");
    let read = read(gateway, "normal", 40, usize::MAX).await?;
    println!("  {read:?}");
    expect(matches!(read, Read::Tokens { count: 40, .. }), "all of its tokens should have come")?;

    println!("\na client that leaves after three of a thousand:");
    expect(matches!(self::read(gateway, "normal", 1_000, 3).await?, Read::Tokens { count: 3, .. }), "three")?;
    until("its place is given back", || route.snapshot().streams == 0).await?;
    until("the model stops", || model.running() == 0).await?;
    println!("  {} of its tokens were made; no stream is open", model.made() - 40);
    expect(model.made() < 1_040, "the model should not have written to the end")?;

    println!("\nsix clients that ask again and again, then sixty; and five that matter:");
    println!("  {:?}", crowd(gateway, &route, 6).await?);
    let crowd = crowd(gateway, &route, 60).await?;
    println!("  {crowd:?}");
    expect(crowd.refused > 0, "the model cannot serve all of the crowd")?;
    let share = |served: usize, refused: usize| served as f64 / (served + refused).max(1) as f64;
    let of_all = share(crowd.served, crowd.refused);
    let of_important = share(crowd.important_served, crowd.important_refused);
    expect(of_important > 2.0 * of_all, "what matters is let in before the crowd")?;
    atrion.shutdown().await;
    Ok(())
}

/// Everything that is asked goes to the model, and its answer back as it comes.
fn gateway(model: SocketAddr, atrion: Atrion) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let forward = async move |mut request: Request| {
        let target = format!("http://{model}{}", request.uri());
        *request.uri_mut() = target.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
        let answer = client.request(request).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        Ok::<_, StatusCode>(answer.map(Body::new))
    };
    let layer = AdmissionLayer::new(atrion)
        .names(RouteNames::fixed("completions"))
        .trust_headers(TrustedHeaders::new())
        .hold(Hold::Stream);
    Router::new().fallback(forward).layer(layer)
}

#[derive(Debug)]
enum Read {
    Refused,
    Tokens { first: Duration, count: usize },
}

/// Asks for so many tokens, and reads until there are no more or `most` have come.
async fn read(gateway: SocketAddr, tier: &str, tokens: usize, most: usize) -> Result<Read, Error> {
    let begin = Instant::now();
    let request = reqwest::Client::new().get(format!("http://{gateway}/completions?tokens={tokens}"));
    let mut answer = request.header("x-atrion-tier", tier).send().await?;
    if answer.headers().contains_key("x-atrion-shed") {
        return Ok(Read::Refused);
    }
    let (mut first, mut count) = (Duration::ZERO, 0);
    while count < most
        && let Some(chunk) = answer.chunk().await?
    {
        if count == 0 {
            first = begin.elapsed();
        }
        // Events that come close together may share a chunk; each ends with an empty line.
        count += chunk.windows(2).filter(|pair| pair == b"\n\n").count();
    }
    Ok(Read::Tokens { first, count: count.min(most) })
}

#[derive(Debug, Default)]
#[allow(dead_code)] // shown
struct Crowd {
    served: usize,
    refused: usize,
    important_served: usize,
    important_refused: usize,
    most_streams: u64,
    slowest_important: Duration,
}

async fn crowd(gateway: SocketAddr, route: &Route, clients: usize) -> Result<Crowd, Error> {
    let (mut crowd, until) = (Crowd::default(), Instant::now() + Duration::from_secs(4));
    let mut asking = JoinSet::new();
    for nth in 0..clients + 5 {
        let is_important = nth < 5;
        asking.spawn(async move {
            let (tier, pause) = if is_important { ("critical", 200) } else { ("bulk", 50) };
            let mut reads = Vec::new();
            while Instant::now() < until {
                reads.push(read(gateway, tier, 20, usize::MAX).await?);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            Ok::<_, Error>((is_important, reads))
        });
    }
    while Instant::now() < until {
        crowd.most_streams = crowd.most_streams.max(route.snapshot().streams);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while let Some(client) = asking.join_next().await {
        let (is_important, reads) = client??;
        for read in reads {
            match (read, is_important) {
                (Read::Refused, true) => crowd.important_refused += 1,
                (Read::Refused, false) => crowd.refused += 1,
                (Read::Tokens { .. }, false) => crowd.served += 1,
                (Read::Tokens { first, .. }, true) => {
                    crowd.important_served += 1;
                    crowd.slowest_important = crowd.slowest_important.max(first);
                }
            }
        }
    }
    Ok(crowd)
}

async fn serve(app: Router) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

async fn until(what: &str, holds: impl Fn() -> bool) -> Result<(), Error> {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.map_err(|_| format!("never: {what}").into())
}

fn expect(holds: bool, what: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(what.into()) }
}
