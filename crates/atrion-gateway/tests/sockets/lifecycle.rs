// SPDX-License-Identifier: Apache-2.0
//! Probes, metrics, the drain, and configurations that are replaced under traffic.

use std::path::Path;
use std::sync::Arc;

use atrion_gateway::{Config, Gateway, Watcher};
use tokio::net::TcpStream;

use crate::support::{
    Askers, OK, address, admin, eventually, exchange, gateway, get, least, patient, read_all, read_request,
    read_until, say, saying, service, within,
};

#[tokio::test]
async fn operators_see_probes_metrics_and_the_state() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, "").await;
    get(address(&gateway).await, "/", "").await;
    let to = admin(&gateway);
    assert!(get(to, "/livez", "").await.starts_with("HTTP/1.1 200"));
    assert!(get(to, "/readyz", "").await.ends_with("ready\n"));
    let state = get(to, "/v1/state", "").await;
    assert!(state.contains("\"@service\"") && state.contains("unmatched"), "{state}");
    eventually(async || {
        get(to, "/metrics", "").await.lines().any(|line| {
            line.starts_with("atrion_admission_requests_total") && line.contains("route=\"unmatched\"")
        })
    })
    .await;
    assert!(get(to, "/nothing", "").await.starts_with("HTTP/1.1 404"));
    let post = "POST /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert!(exchange(to, post).await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn a_drain_takes_nothing_new_and_finishes_what_has_begun() {
    let (upstream, go) = patient().await;
    let gateway = gateway(upstream, "").await;
    let (to, operators) = (address(&gateway).await, admin(&gateway));
    let mut idle = TcpStream::connect(to).await.unwrap();
    let mut busy = TcpStream::connect(to).await.unwrap();
    say(&mut busy, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    let atrion = gateway.atrion().clone();
    eventually(async || atrion.route("unmatched").snapshot().in_flight == 1).await;

    let drained = tokio::spawn(gateway.drain());
    assert_eq!(within(read_all(&mut idle)).await, "");
    eventually(async || TcpStream::connect(to).await.is_err()).await;
    assert!(get(operators, "/readyz", "").await.ends_with("draining\n"));
    assert!(!drained.is_finished());
    go.send_replace(true);
    let answer = within(read_all(&mut busy)).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    within(drained).await.unwrap();
}

#[tokio::test]
async fn a_drain_ends_with_the_last_request_whatever_the_number_of_places_has_become() {
    for connections in [1, 20_000] {
        let (upstream, go) = patient().await;
        let gateway = gateway(upstream, "").await;
        let to = address(&gateway).await;
        let mut busy = TcpStream::connect(to).await.unwrap();
        say(&mut busy, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
        let atrion = gateway.atrion().clone();
        eventually(async || atrion.route("unmatched").snapshot().in_flight == 1).await;
        let other = least(upstream, &format!("[limits]\nconnections = {connections}\n"));
        gateway.reload(Config::parse(&other, Path::new("")).unwrap()).await.unwrap();

        let drained = tokio::spawn(gateway.drain());
        eventually(async || TcpStream::connect(to).await.is_err()).await;
        go.send_replace(true);
        let answer = within(read_all(&mut busy)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{connections}: {answer}");
        within(drained).await.unwrap();
    }
}

#[tokio::test]
async fn a_drain_cuts_off_what_does_not_end() {
    let upstream = service(|mut stream| async move {
        read_request(&mut stream).await;
        say(&mut stream, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
            .await;
        read_all(&mut stream).await;
    })
    .await;
    let config =
        Config::parse(&least(upstream, "").replace("[admin]", "[admin]\ndrain = \"200ms\""), Path::new(""));
    let gateway = Gateway::start_with(config.unwrap(), std::io::sink()).await.unwrap();
    let mut tunnel = TcpStream::connect(address(&gateway).await).await.unwrap();
    say(&mut tunnel, "GET / HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    read_until(&mut tunnel, "101").await;
    within(gateway.drain()).await;
    within(read_all(&mut tunnel)).await;
}

#[tokio::test]
async fn a_thousand_configurations_under_traffic_cost_no_request() {
    let (upstream, _) = saying(OK).await;
    let gateway = Arc::new(gateway(upstream, "").await);
    let to = address(&gateway).await;
    let clients = Askers::start(to, 4);
    clients.more(1).await;
    for n in 0..1000 {
        let more = format!("[[route]]\nmatch = \"GET /r{}\"\n[admission]\nshadow = {}\n", n % 7, n % 2 == 0);
        gateway.reload(Config::parse(&least(upstream, &more), Path::new("")).unwrap()).await.unwrap();
    }
    clients.end().await;
}

#[tokio::test]
async fn a_file_that_changes_is_in_force_and_a_wrong_one_is_not() {
    let (one, two) = (saying(OK).await.0, saying("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo").await.0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atrion.toml");
    std::fs::write(&path, least(one, "")).unwrap();
    let config = Config::load(&path).unwrap();
    let mut watcher = Watcher::new(&path, &config);
    let gateway = Gateway::start_with(config, std::io::sink()).await.unwrap();
    let to = address(&gateway).await;
    assert!(get(to, "/", "").await.ends_with("ok"));

    std::fs::write(&path, "nonsense = 1\n").unwrap();
    within(watcher.changed()).await;
    let refused = watcher.reload(&gateway).await.unwrap_err().to_string();
    assert!(refused.contains("line 1: nonsense: unknown key"), "{refused}");
    assert!(get(to, "/", "").await.ends_with("ok"));

    std::fs::write(&path, least(two, "# changed\n")).unwrap();
    within(watcher.changed()).await;
    watcher.reload(&gateway).await.unwrap();
    assert!(get(to, "/", "").await.ends_with("two"));

    let taken = least(two, &format!("[[listen]]\naddress = \"{to}\"\n"));
    let refused = gateway.reload(Config::parse(&taken, Path::new("")).unwrap()).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("cannot listen on {to}"));
    let metrics = get(admin(&gateway), "/metrics", "").await;
    let counted = |result: &str, count: u32| {
        let line = |line: &str| {
            line.contains(&format!("result=\"{result}\"")) && line.ends_with(&format!(" {count}"))
        };
        metrics.lines().filter(|line| line.starts_with("atrion_gateway_reloads_total{")).any(line)
    };
    assert!(counted("done", 1) && counted("refused", 2), "{metrics}");
}

#[tokio::test]
async fn operations_of_a_document_are_routes() {
    let (upstream, _) = saying(OK).await;
    let folder = tempfile::tempdir().unwrap();
    let (path, document) = (folder.path().join("atrion.toml"), folder.path().join("api.json"));
    std::fs::write(&document, r#"{"paths": {"/a/{id}": {"get": {}}, "/b": {"post": {}}}}"#).unwrap();
    let more = "[admission]\nopenapi = \"api.json\"\n[[route]]\nmatch = \"GET /a/{own}\"\n";
    std::fs::write(&path, least(upstream, more)).unwrap();
    let config = Config::load(&path).unwrap();
    let mut watcher = Watcher::new(&path, &config);
    let gateway = Gateway::start_with(config, std::io::sink()).await.unwrap();
    let to = address(&gateway).await;
    let post = "POST /b HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    exchange(to, post).await;
    get(to, "/a/1", "").await;
    let count = |name: &str| gateway.atrion().route(name).snapshot().counts.all_admitted();
    eventually(async || (count("GET /a/{own}"), count("POST /b")) == (1, 1)).await;

    std::fs::write(&document, "{}").unwrap();
    within(watcher.changed()).await;
    let refused = watcher.reload(&gateway).await.unwrap_err();
    assert!(refused.to_string().ends_with("api.json"), "{refused}");
}

#[tokio::test]
async fn listeners_come_and_go_with_the_configuration() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, "").await;
    let first = address(&gateway).await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("a.sock");
    let other = least(upstream, "").replacen("127.0.0.1:0", &format!("unix:{}", socket.display()), 1);
    gateway.reload(Config::parse(&other, Path::new("")).unwrap()).await.unwrap();
    eventually(async || TcpStream::connect(first).await.is_err()).await;
    let mut client = tokio::net::UnixStream::connect(&socket).await.unwrap();
    say(&mut client, "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await;
    assert!(within(read_all(&mut client)).await.ends_with("ok"));
}
