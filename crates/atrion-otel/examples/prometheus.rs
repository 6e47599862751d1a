// SPDX-License-Identifier: Apache-2.0
//! A service with a page for Prometheus: it overloads itself, scrapes its own page over HTTP as
//! Prometheus would, shows the lines about refusals, and ends.
#![allow(missing_docs)] // an example is read from top to bottom

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, Config, RouteConfig};
use atrion_otel::Telemetry;
use axum::Router;
use axum::routing::get;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The application chooses SDK and exporter.
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
    let meters = SdkMeterProvider::builder().with_reader(exporter).build();

    // The exporter observes the instance, and reads its state at a collection.
    let telemetry = Telemetry::new(&meters);
    let config = Config::default().route("GET /report", RouteConfig::default().cap(8));
    let atrion = Atrion::builder().config(config).observer(Arc::new(telemetry.clone())).connect().await?;
    telemetry.watch(&atrion);

    let address = serve(registry).await?;
    overload(&atrion).await;

    let page = scrape(address).await?;
    let refused: Vec<_> = page.lines().filter(|line| line.contains(r#"atrion_decision="shed""#)).collect();
    println!("http://{address}/metrics has {} lines of Atrion, among them:", count(&page));
    refused.iter().for_each(|line| println!("  {line}"));
    for tier in ["normal", "bulk"] {
        let tier = format!(r#"atrion_tier="{tier}""#);
        if !refused
            .iter()
            .any(|line| line.starts_with("atrion_admission_requests_total") && line.contains(&tier))
        {
            return Err(format!("no refusals with {tier} on the page").into());
        }
    }
    atrion.shutdown().await;
    Ok(())
}

async fn serve(registry: Registry) -> Result<SocketAddr, Box<dyn Error>> {
    let page = move || {
        let text = TextEncoder::new().encode_to_string(&registry.gather());
        std::future::ready(text.map_err(|error| error.to_string()))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await });
    Ok(address)
}

/// Sends more at once than the route may carry.
async fn overload(atrion: &Atrion) {
    let report = atrion.route("GET /report");
    for _ in 0..10 {
        let permits: Vec<_> = (0..20)
            .filter_map(|n| report.admit_owned(if n % 2 == 0 { Tier::Normal } else { Tier::Bulk }).ok())
            .collect();
        tokio::time::sleep(Duration::from_millis(30)).await;
        permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    }
    // The counts of the last requests are there after the next pulse.
    tokio::time::sleep(Duration::from_millis(250)).await;
}

async fn scrape(address: SocketAddr) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once("\r\n\r\n") {
        Some((head, page)) if head.starts_with("HTTP/1.1 200") => Ok(page.to_owned()),
        _ => Err(format!("not a page: {answer}").into()),
    }
}

fn count(page: &str) -> usize {
    page.lines().filter(|line| line.starts_with("atrion_")).count()
}
