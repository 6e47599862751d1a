// SPDX-License-Identifier: Apache-2.0
//! The gateway with what is commercial: the real Redis and PostgreSQL behind it, and Studio beside
//! it, by one file.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers speak as tests do

#[allow(dead_code)] // what the tests of sockets need and these do not
#[path = "sockets/support.rs"]
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use atrion::license::{Tier, development};
use atrion::{Health, LicenseState, Mode};
use atrion_gateway::{Config, Gateway, check_files};
use atrion_testbed::{Postgres, Redis, Server, tests};
use tempfile::TempDir;

use support::{OK, address, eventually, gateway_of, get, least, saying};

fn main() -> ExitCode {
    atrion_testbed::run(
        &[Server::Redis, Server::Postgres],
        tests![
            scars_are_shared_through_redis,
            an_open_route_is_remembered_by_postgres,
            without_a_license_requests_pass_and_it_is_said,
            studio_is_served_to_those_with_the_token,
        ],
    )
}

/// A file with a license, and the line that names it.
fn license() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.key");
    std::fs::write(&path, development::key(Tier::Pro).unwrap().reveal()).unwrap();
    let line = format!("license = {{ file = {path:?} }}\n");
    (folder, line)
}

/// A port at which nobody listens.
fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

const ROUTE: &str = "[[route]]\nmatch = \"GET /a\"\n";

/// Asks until the route is open.
async fn break_it(gateway: &Gateway) {
    let to = address(gateway).await;
    eventually(async || {
        get(to, "/a", "").await;
        mode(gateway) == Mode::CircuitBreaker
    })
    .await;
}

fn mode(gateway: &Gateway) -> Mode {
    gateway.atrion().route("GET /a").snapshot().mode
}

async fn scars_are_shared_through_redis() {
    let redis = Redis::start().unwrap();
    let (_folder, license) = license();
    let node = async |name: &str| {
        let store = format!("[redis]\nurls = [\"{}\"]\ncluster = \"shop\"\nnode = \"{name}\"\n", redis.url());
        gateway_of(&format!("{license}{}", least(nowhere(), &format!("{ROUTE}{store}")))).await
    };
    let (one, other) = (node("one").await, node("other").await);
    let hears =
        |gateway: &Gateway| gateway.atrion().provider_stats()[0].nodes.is_some_and(|nodes| nodes.live == 1);
    eventually(async || hears(&one) && hears(&other)).await;
    let standing = one.atrion().provider_stats()[0].license.clone().unwrap();
    assert_eq!(standing.state, LicenseState::Active);
    break_it(&one).await;
    eventually(async || other.atrion().route("GET /a").snapshot().terms.cluster > 0.0).await;
}

async fn an_open_route_is_remembered_by_postgres() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.create_database("gateway").unwrap();
    let (_folder, license) = license();
    let file = |upstream| {
        let store = format!("[postgres]\nurl = \"{url}\"\ncluster = \"shop\"\nnode = \"one\"\n");
        format!("{license}{}", least(upstream, &format!("{ROUTE}{store}")))
    };
    let gateway = gateway_of(&file(nowhere())).await;
    eventually(async || matches!(gateway.atrion().provider_stats()[0].health, Health::Up)).await;
    break_it(&gateway).await;
    gateway.drain().await;
    let again = gateway_of(&file(nowhere())).await;
    eventually(async || mode(&again) == Mode::CircuitBreaker).await;
}

async fn without_a_license_requests_pass_and_it_is_said() {
    let redis = Redis::start().unwrap();
    let (upstream, _) = saying(OK).await;
    let license = "license = { file = \"/nowhere/license.key\" }\n";
    let store = format!("[redis]\nurls = [\"{}\"]\n", redis.url());
    let gateway = gateway_of(&format!("{license}{}", least(upstream, &store))).await;
    assert!(get(address(&gateway).await, "/", "").await.ends_with("ok"));
    eventually(async || {
        let stats = gateway.atrion().provider_stats();
        stats[0].license.as_ref().is_some_and(|license| license.state == LicenseState::Invalid)
    })
    .await;
    let keys = redis.command(["DBSIZE"]).unwrap();
    assert_eq!(format!("{keys:?}"), "Number(0)");
}

async fn studio_is_served_to_those_with_the_token() {
    let (upstream, _) = saying(OK).await;
    let (folder, license) = license();
    let (token, secret) = ("A".repeat(43), folder.path().join("token"));
    std::fs::write(&secret, &token).unwrap();
    let studio = |lines: &str| {
        format!("{license}{}", least(upstream, &format!("[studio]\naddress = \"127.0.0.1:0\"\n{lines}")))
    };
    let gateway = gateway_of(&studio(&format!("token = {{ file = {secret:?} }}\noverrides = true\n"))).await;
    get(address(&gateway).await, "/a", "").await;
    let to = gateway.studio_address().unwrap();
    let ask = async |path: &str, header: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n{header}\r\n");
        support::exchange(to, request).await
    };
    assert!(ask("/", "").await.starts_with("HTTP/1.1 200"));
    assert!(ask("/api/v1/state", "").await.starts_with("HTTP/1.1 401"));
    let routes = ask("/api/v1/state", &format!("authorization: Bearer {token}\r\n")).await;
    assert!(routes.starts_with("HTTP/1.1 200") && routes.contains("@service"), "{routes}");
    // What is wrong is told by `check`, and nothing of the token.
    for (lines, what) in [("token = \"short\"\n", "43 characters"), ("overrides = true\n", "need a token")] {
        let told =
            check_files(&Config::parse(&studio(lines), Path::new("")).unwrap()).unwrap_err().to_string();
        assert!(told.contains(what) && !told.contains("short"), "{told}");
    }
}
