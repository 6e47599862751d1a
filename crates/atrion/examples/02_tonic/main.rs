// SPDX-License-Identifier: Apache-2.0
//! Lesson 2: gRPC with tonic, guarded on both sides. The server refuses with `UNAVAILABLE` and says
//! when to come back; the client's own guard learns from it.
//!
//! `cargo run -p atrion --features tower --example 02_tonic`

mod greeter;

use std::net::Ipv4Addr;
use std::time::Duration;

use atrion::tower::{AdmissionLayer, Propagate, RouteNames, TrustedHeaders};
use atrion::{Atrion, Config, RouteConfig, Tier};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tower::ServiceBuilder;

use self::greeter::{GreeterClient, GreeterServer, HelloRequest};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    // Room for four, so that the refusal needs no real overload.
    let room = RouteConfig::default().cap(4);
    let server =
        Atrion::builder().config(Config::default().route(greeter::SAY_HELLO, room)).connect().await?;
    // tonic's layers stand before its router, where no path is matched yet: so the methods are
    // listed.
    let guard = AdmissionLayer::new(server.clone())
        .names(RouteNames::grpc([greeter::SAY_HELLO]).otherwise("grpc"))
        .trust_headers(TrustedHeaders::new());
    let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = incoming.local_addr()?;
    let service = GreeterServer::that_takes(Duration::from_millis(500));
    tokio::spawn(Server::builder().layer(guard).add_service(service).serve_with_incoming(incoming));

    // The client's side. A channel knows one callee, so one name will do.
    let client = Atrion::builder().connect().await?;
    let guard =
        AdmissionLayer::client(client.clone()).names(RouteNames::fixed("greeter")).propagate(Propagate::Tier);
    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    let greeter = GreeterClient::new(ServiceBuilder::new().layer(guard).service(channel));

    let mut calls = tokio::task::JoinSet::new();
    for number in 0..6 {
        let mut greeter = greeter.clone();
        calls.spawn(async move {
            let mut request = tonic::Request::new(HelloRequest { name: format!("caller {number}") });
            request.extensions_mut().insert(Tier::High);
            greeter.say_hello(request).await
        });
    }
    let (mut served, mut refused) = (0, 0);
    while let Some(call) = calls.join_next().await {
        match call? {
            Ok(reply) => {
                served += 1;
                println!("served   {}", reply.into_inner().message);
            }
            Err(status) => {
                refused += 1;
                let pushback = status.metadata().get("grpc-retry-pushback-ms");
                println!("refused  {:?}, again in {pushback:?} ms: {}", status.code(), status.message());
            }
        }
    }
    if (served, refused) != (4, 2) {
        return Err(
            format!("there is room for 4 of 6, yet {served} were served and {refused} refused").into()
        );
    }

    // The trailers gave the verdicts; the counters move with the next pulse.
    tokio::time::sleep(Duration::from_millis(250)).await;
    let (seen_there, seen_here) =
        (server.route(greeter::SAY_HELLO).snapshot(), client.route("greeter").snapshot());
    println!("\nserver: {} succeeded, {} shed", seen_there.counts.succeeded(), seen_there.counts.all_shed());
    println!("client: {} succeeded, {} failed", seen_here.counts.succeeded(), seen_here.counts.failed());
    client.shutdown().await;
    server.shutdown().await;
    Ok(())
}
