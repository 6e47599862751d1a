// SPDX-License-Identifier: Apache-2.0
//! Which gate a request comes to, how important it is, and what it is told when it is refused.

use std::net::SocketAddr;
use std::path::Path;

use atrion_gateway::{Config, Gateway};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{
    Lines, OK, address, eventually, gateway, gateway_of, get, least, patient, say, saying, within,
};

fn in_flight(gateway: &Gateway, route: &str) -> u64 {
    gateway.atrion().route(route).snapshot().in_flight
}

/// Sends a request that stays in flight.
async fn hang(to: SocketAddr, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(to).await.unwrap();
    say(&mut client, &format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n")).await;
    client
}

#[tokio::test]
async fn requests_are_counted_under_templates_and_the_rest_under_one_name() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, "[[route]]\nmatch = \"GET /carts/{cart}\"\n").await;
    let to = address(&gateway).await;
    for path in ["/carts/1", "/carts/2", "/carts/3/items", "/../carts/1", "/x"] {
        get(to, path, "").await;
    }
    let count = |name: &str| gateway.atrion().route(name).snapshot().counts.all_admitted();
    eventually(async || (count("GET /carts/{cart}"), count("unmatched"), count("@service")) == (2, 3, 5))
        .await;
    let names: Vec<_> = gateway.atrion().snapshot().routes.iter().map(|route| route.id.to_string()).collect();
    assert_eq!(names, ["@service", "GET /carts/{cart}", "__overflow__", "unmatched"]);
}

#[tokio::test]
async fn no_path_leads_around_the_gate_over_one_that_passes() {
    let (upstream, _) = saying(OK).await;
    let more = "[[route]]\nmatch = \"GET /healthz/{*rest}\"\nunguarded = true\n";
    let gateway = gateway(upstream, more).await;
    let to = address(&gateway).await;
    for path in ["/healthz/a", "/grpc.health.v1.Health/Check"] {
        get(to, path, "").await;
    }
    for path in ["/healthz/../carts", "/grpc.health.v1.Health/../carts", "/grpc.reflection.v1/%2e%2e/a"] {
        get(to, path, "").await;
    }
    eventually(async || gateway.atrion().route("unmatched").snapshot().counts.all_admitted() == 3).await;
}

#[tokio::test]
async fn a_request_may_wait_for_its_place() {
    let (upstream, go) = patient().await;
    let more = "[admission]\nwait = \"5s\"\n[[route]]\nmatch = \"GET /a\"\ncap = 1\n";
    let gateway = gateway(upstream, more).await;
    let to = address(&gateway).await;
    let _held = hang(to, "/a").await;
    eventually(async || in_flight(&gateway, "GET /a") == 1).await;
    let waiting = tokio::spawn(async move { get(to, "/a", "").await });
    // All routes of a service wait in one line.
    eventually(async || gateway.atrion().group("service").gate().snapshot().queued == 1).await;
    go.send_replace(true);
    assert!(within(waiting).await.unwrap().ends_with("ok"));
}

#[tokio::test]
async fn a_refusal_is_the_library_s_with_as_much_as_the_file_says() {
    for (detail, tells_route, tells_volts) in
        [("full", true, true), ("reason", true, false), ("minimal", false, false)]
    {
        let (upstream, _go) = patient().await;
        let more = format!(
            "[admission]\ndetail = \"{detail}\"\nshow_decision = true\n[[route]]\nmatch = \"GET /a\"\ncap = 1\n"
        );
        let gateway = gateway(upstream, &more).await;
        let to = address(&gateway).await;
        let _held = hang(to, "/a").await;
        eventually(async || in_flight(&gateway, "GET /a") == 1).await;
        let answer = get(to, "/a", "").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        for part in ["x-atrion-shed: ", "retry-after: ", "cache-control: no-store", "x-atrion-decision: shed"]
        {
            assert!(answer.contains(part), "{part}: {answer}");
        }
        assert_eq!(answer.contains("\"route\":\"GET /a\""), tells_route, "{answer}");
        assert_eq!(answer.contains("\"voltage\""), tells_volts, "{answer}");
    }
}

#[tokio::test]
async fn a_shadow_refuses_nothing() {
    let (upstream, go) = patient().await;
    let gateway = gateway(upstream, "[[route]]\nmatch = \"GET /a\"\ncap = 1\nshadow = true\n").await;
    let to = address(&gateway).await;
    let _held = hang(to, "/a").await;
    eventually(async || in_flight(&gateway, "GET /a") == 1).await;
    let second = tokio::spawn(async move { get(to, "/a", "").await });
    eventually(async || in_flight(&gateway, "GET /a") == 2).await;
    go.send_replace(true);
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn what_is_unguarded_passes_a_full_gate() {
    let (upstream, go) = patient().await;
    let more =
        "[[route]]\nmatch = \"GET /healthz\"\nunguarded = true\n[engine.routes.\"@service\"]\ncap = 1\n";
    let gateway = gateway(upstream, more).await;
    let to = address(&gateway).await;
    let _held = hang(to, "/a").await;
    eventually(async || in_flight(&gateway, "@service") == 1).await;
    assert!(get(to, "/b", "").await.starts_with("HTTP/1.1 503"));
    let probe = tokio::spawn(async move { get(to, "/healthz", "").await });
    go.send_replace(true);
    assert!(probe.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn rules_of_the_file_give_tiers_and_headers_do_not() {
    let rules = "[[tier]]\nheader = \"x-plan\"\nvalue = \"free\"\ntier = \"low\"\n\
        [[tier]]\npath = \"/admin\"\nmethod = \"POST\"\ntier = \"high\"\n\
        [[route]]\nmatch = \"GET /checkout\"\ntier = \"critical\"\n";
    for (more, asked) in [("", "normal"), ("[admission]\ntrust = { ceiling = \"high\" }\n", "high")] {
        let (upstream, _) = saying(OK).await;
        let log = Lines::default();
        let text = format!("access_log = \"json\"\n{}", least(upstream, &format!("{more}{rules}")));
        let config = Config::parse(&text, Path::new("")).unwrap();
        let gateway = Gateway::start_with(config, log.clone()).await.unwrap();
        let to = address(&gateway).await;
        get(to, "/", "").await;
        get(to, "/", "x-atrion-tier: critical\r\n").await;
        get(to, "/checkout", "").await;
        get(to, "/checkout", "x-plan: free\r\n").await;
        get(to, "/checkout", "x-plan: paid\r\n").await;
        let lines: Vec<Value> =
            log.take(5).await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let tiers: Vec<_> = lines.iter().map(|line| line["tier"].as_str().unwrap()).collect();
        assert_eq!(tiers, ["normal", asked, "critical", "low", "critical"], "{more}");
        assert_eq!(lines[2]["route"], "GET /checkout");
        assert_eq!(
            (&lines[2]["decision"], &lines[2]["status"], &lines[2]["bytes"]),
            (&"admitted".into(), &200.into(), &2.into())
        );
        assert_eq!(lines[2]["client"], "127.0.0.1");
    }
}

#[tokio::test]
async fn a_line_of_the_log_says_why_a_request_was_refused() {
    let (upstream, _go) = patient().await;
    let log = Lines::default();
    let text =
        format!("access_log = \"json\"\n{}", least(upstream, "[[route]]\nmatch = \"GET /a\"\ncap = 1\n"));
    let config = Config::parse(&text, Path::new("")).unwrap();
    let gateway = Gateway::start_with(config, log.clone()).await.unwrap();
    let to = address(&gateway).await;
    let _held = hang(to, "/a").await;
    eventually(async || in_flight(&gateway, "GET /a") == 1).await;
    get(to, "/a?q=1", "").await;
    let line: Value = serde_json::from_str(&log.take(1).await[0]).unwrap();
    assert_eq!(
        (&line["decision"], &line["reason"], &line["target"]),
        (&"shed".into(), &"at_cap".into(), &"/a?q=1".into())
    );
    assert!(line["terms"]["base"].is_number() && line["resistance"].is_number(), "{line}");
}

#[tokio::test]
async fn a_drain_writes_every_line() {
    let (upstream, _) = saying(OK).await;
    let log = Lines::default();
    let text = format!("access_log = \"plain\"\n{}", least(upstream, ""));
    let config = Config::parse(&text, Path::new("")).unwrap();
    let gateway = Gateway::start_with(config, log.clone()).await.unwrap();
    let to = address(&gateway).await;
    for _ in 0..50 {
        get(to, "/a", "").await;
    }
    gateway.drain().await;
    let text = log.text();
    assert_eq!(text.lines().count(), 50, "{text}");
    let line = text.lines().next().unwrap();
    assert!(
        line.contains(" 127.0.0.1 \"GET /a") && line.ends_with(" \"unmatched\" normal admitted -"),
        "{line}"
    );
}

#[tokio::test]
async fn services_are_told_apart_by_host_and_path_and_have_gates_of_their_own() {
    let body = |name: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len());
    let (all, shop, api) =
        (saying(body("all")).await.0, saying(body("shop")).await.0, saying(body("api")).await.0);
    let text = least(
        all,
        &format!(
            "[[upstream]]\nname = \"shop\"\naddress = \"{shop}\"\nhost = \"shop\"\n\
             [[upstream]]\nname = \"api\"\naddress = \"{api}\"\nhost = \"shop\"\npath = \"/api\"\n"
        ),
    );
    let gateway = gateway_of(&text).await;
    let to = address(&gateway).await;
    for (path, host, wanted) in [
        ("/", "other", "all"),
        ("/api", "other", "all"),
        ("/", "shop", "shop"),
        ("/apis", "shop", "shop"),
        ("/api", "SHOP:8080", "api"),
        ("/api/x", "shop", "api"),
        ("/x/../api", "shop", "shop"),
        ("/api/../x", "shop", "shop"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = crate::support::exchange(to, request).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{wanted}")), "{host}{path}: {answer}");
    }
    let count = |name: &str| gateway.atrion().route(name).snapshot().counts.all_admitted();
    eventually(async || (count("@service"), count("@shop"), count("@api")) == (2, 4, 2)).await;
}
