// SPDX-License-Identifier: Apache-2.0
//! The gateway behind the real nginx, HAProxy and Caddy, with the configurations of
//! `docs/gateway`.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers speak as tests do

#[allow(dead_code)] // what the tests of sockets need and these do not
#[path = "sockets/support.rs"]
mod support;

use std::net::SocketAddr;
use std::process::ExitCode;

use atrion_gateway::Gateway;
use atrion_testbed::{Balancer, Server, tests};
use tokio::net::TcpStream;

use support::{OK, address, admin, eventually, gateway_of, get, least, patient, say, saying};

fn main() -> ExitCode {
    atrion_testbed::run(
        &[Server::HaProxy, Server::Nginx, Server::Caddy],
        tests![
            nginx::clients_are_known_and_tiers_are_not_believed,
            nginx::a_refusal_comes_through,
            haproxy::clients_are_known_and_tiers_are_not_believed,
            haproxy::a_refusal_comes_through,
            haproxy::a_drain_is_noticed,
            caddy::clients_are_known_and_tiers_are_not_believed,
            caddy::a_refusal_comes_through,
        ],
    )
}

/// A balancer with its file of the documentation, before a gateway.
fn before(gateway: SocketAddr, operators: SocketAddr, server: Server, file: &str) -> Balancer {
    let path = format!("{}/../../docs/gateway/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let with = |own: SocketAddr| {
        // Ports of this machine may look like those of the file.
        let text = text.replace("127.0.0.1:8000", "LISTEN").replace("127.0.0.1:8080", "GATEWAY");
        let text = text.replace("LISTEN", &own.to_string()).replace("GATEWAY", &gateway.to_string());
        let text = text.replace("port 9901", &format!("port {}", operators.port()));
        match server {
            // One that is not installed has no folders of its own.
            Server::Nginx => {
                let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let folders = folders.map(|name| format!("{name}_temp_path {name}; ")).concat();
                text.replace("http {", &format!("pid nginx.pid; http {{ access_log off; {folders}"))
            }
            // A name of its own would want a certificate, and all Caddys have one admin port.
            Server::Caddy => {
                let site = format!("{{\nadmin off\n}}\nhttp://:{} {{\nbind 127.0.0.1\n", own.port());
                text.replace("shop.example.com {\n", &site)
            }
            _ => text,
        }
    };
    Balancer::start(server, with).unwrap()
}

/// What both have to do.
async fn clients_are_known(server: Server, file: &str, more: &str, listen: &str) {
    let (upstream, heard) = saying(OK).await;
    let gateway = gateway_with(upstream, more, listen).await;
    let balancer = before(address(&gateway).await, admin(&gateway), server, file);
    let answer =
        get(balancer.address(), "/a?b=c", "x-atrion-tier: critical\r\nx-forwarded-for: 6.6.6.6\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    let request = heard.all().pop().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /a?b=c http/1.1\r\n"), "{request}");
    assert!(request.contains("host: shop\r\n") && request.contains("127.0.0.1\r\n"), "{request}");
    let counts = || gateway.atrion().route("unmatched").snapshot().counts;
    eventually(async || counts().all_admitted() == 1).await;
    assert_eq!(counts().admitted(atrion::Tier::Critical), 0);
}

async fn a_refusal_is_passed_on(server: Server, file: &str, more: &str, listen: &str) {
    let (upstream, _go) = patient().await;
    let gateway =
        gateway_with(upstream, &format!("{more}[[route]]\nmatch = \"GET /a\"\ncap = 1\n"), listen).await;
    let balancer = before(address(&gateway).await, admin(&gateway), server, file);
    let mut held = TcpStream::connect(balancer.address()).await.unwrap();
    say(&mut held, "GET /a HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    eventually(async || gateway.atrion().route("GET /a").snapshot().in_flight == 1).await;
    // Some write names of headers in another case.
    let answer = get(balancer.address(), "/a", "").await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 503"), "{answer}");
    assert!(answer.contains("x-atrion-shed: at_cap") && answer.contains("retry-after: "), "{answer}");
    // Once: nobody has asked again.
    eventually(async || gateway.atrion().route("GET /a").snapshot().counts.all_shed() == 1).await;
}

async fn gateway_with(upstream: SocketAddr, more: &str, listen: &str) -> Gateway {
    gateway_of(&least(upstream, more).replacen("[admin]", &format!("{listen}[admin]"), 1)).await
}

mod nginx {
    use super::{Server, a_refusal_is_passed_on, clients_are_known};

    const TRUSTED: &str = "[forwarding]\ntrusted = [\"127.0.0.1\"]\n";

    pub(super) async fn clients_are_known_and_tiers_are_not_believed() {
        clients_are_known(Server::Nginx, "nginx.conf", &format!("{TRUSTED}[admission]\ntrust = {{}}\n"), "")
            .await;
    }

    pub(super) async fn a_refusal_comes_through() {
        a_refusal_is_passed_on(Server::Nginx, "nginx.conf", TRUSTED, "").await;
    }
}

mod caddy {
    use super::{Server, a_refusal_is_passed_on, clients_are_known};

    const TRUSTED: &str = "[forwarding]\ntrusted = [\"127.0.0.1\"]\n";

    pub(super) async fn clients_are_known_and_tiers_are_not_believed() {
        clients_are_known(Server::Caddy, "Caddyfile", &format!("{TRUSTED}[admission]\ntrust = {{}}\n"), "")
            .await;
    }

    pub(super) async fn a_refusal_comes_through() {
        a_refusal_is_passed_on(Server::Caddy, "Caddyfile", TRUSTED, "").await;
    }
}

mod haproxy {
    use super::{
        OK, Server, TcpStream, a_refusal_is_passed_on, address, admin, before, clients_are_known, eventually,
        gateway_with, get, say, saying,
    };

    const PROXY: &str = "proxy_protocol = true\n";

    pub(super) async fn clients_are_known_and_tiers_are_not_believed() {
        clients_are_known(Server::HaProxy, "haproxy.cfg", "[admission]\ntrust = {}\n", PROXY).await;
    }

    pub(super) async fn a_refusal_comes_through() {
        a_refusal_is_passed_on(Server::HaProxy, "haproxy.cfg", "", PROXY).await;
    }

    /// Its probe sees `/readyz` say no, and it sends nobody to a gateway that is about to leave.
    pub(super) async fn a_drain_is_noticed() {
        let (upstream, _) = saying(OK).await;
        let gateway = gateway_with(upstream, "", PROXY).await;
        let balancer = before(address(&gateway).await, admin(&gateway), Server::HaProxy, "haproxy.cfg");
        assert!(get(balancer.address(), "/", "").await.ends_with("ok"));
        let to = address(&gateway).await;
        // It keeps the drain from ending.
        let mut held = TcpStream::connect(to).await.unwrap();
        say(&mut held, "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n").await;
        let drained = tokio::spawn(gateway.drain());
        eventually(async || {
            let answer = get(balancer.address(), "/", "").await;
            answer.starts_with("HTTP/1.1 503") && !answer.contains("atrion")
        })
        .await;
        drop(held);
        drained.await.unwrap();
    }
}
