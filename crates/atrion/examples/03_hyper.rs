// SPDX-License-Identifier: Apache-2.0
//! Lesson 3: hyper without a framework, server and client. The server has room for three; the
//! client's breaker opens when no server answers any more.
//!
//! `cargo run -p atrion --features tower --example 03_hyper`

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use atrion::tower::{AdmissionLayer, RequestBody, RouteNames};
use atrion::{Atrion, Config, Mode, RouteConfig};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt as _};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = start_server().await?;
    let atrion = Atrion::builder().connect().await?;
    // A route per authority that is called: the three calls below meet two of them.
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = ServiceBuilder::new().layer(AdmissionLayer::client(atrion.clone())).service(client);

    println!("five requests at once to a server with room for three:");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..5 {
        calls.spawn(client.clone().oneshot(get(server)?));
    }
    let mut refused = 0;
    while let Some(call) = calls.join_next().await {
        let (head, body) = call??.into_parts();
        refused += u32::from(!head.status.is_success());
        let text = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
        println!("  {} {text}", head.status);
    }
    if refused != 2 {
        return Err(format!("two of five should have been refused, not {refused}").into());
    }

    // No server listens on this port any more.
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
    println!("\na callee that is gone:");
    let (mut errors, mut refused) = (0, 0);
    let begin = Instant::now();
    let route = atrion.route(&nobody.to_string());
    // Three seconds; a busy machine may take longer.
    while begin.elapsed() < Duration::from_secs(3)
        || route.mode() != Mode::CircuitBreaker && begin.elapsed() < Duration::from_secs(10)
    {
        // The error of a connection that was refused, or the guard's own answer without any
        // connection.
        match client.clone().oneshot(get(nobody)?).await {
            Err(_) => errors += 1,
            Ok(_) => refused += 1,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let route = route.snapshot();
    println!(
        "  {errors} attempts were made, {refused} were spared; the route is in {} at {}",
        route.mode, route.resistance
    );
    if route.mode != Mode::CircuitBreaker {
        return Err("the breaker should be open".into());
    }
    atrion.shutdown().await;
    Ok(())
}

fn get(address: SocketAddr) -> Result<Request<Full<Bytes>>, http::Error> {
    Request::get(format!("http://{address}/")).body(Full::default())
}

async fn start_server() -> Result<SocketAddr, Error> {
    let room = RouteConfig::default().cap(3);
    let atrion = Atrion::builder().config(Config::default().route("hello", room)).connect().await?;
    // No router has matched a path here, so the server's one route has a fixed name.
    let guard = AdmissionLayer::new(atrion).names(RouteNames::fixed("hello"));
    // One service for all connections; each works on a clone.
    let service = ServiceBuilder::new().layer(guard).service_fn(hello);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn hello(_: Request<RequestBody<Incoming>>) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(Response::new(Full::from("hello")))
}
