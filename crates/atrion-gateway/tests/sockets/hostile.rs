// SPDX-License-Identifier: Apache-2.0
//! Clients that want to hold what they are given: all of it is bounded, and others are served.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{OK, address, admin, eventually, gateway, get, read_all, say, saying, service, within};

/// Short bounds, for a test that waits for their end.
const SHORT: &str = "[limits]\nrequest_head = \"200ms\"\nidle = \"400ms\"\nwrite = \"300ms\"\n";

#[tokio::test]
async fn connections_that_say_little_end() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, SHORT).await;
    let to = address(&gateway).await;
    for begun in
        ["", "G", "GET / HTTP/1.1\r\nhost: shop\r\nx-slow: ", "PRI * HTTP/2.0\r\n", "\u{16}\u{3}\u{1}"]
    {
        let mut client = TcpStream::connect(to).await.unwrap();
        say(&mut client, begun).await;
        let begin = Instant::now();
        within(read_all(&mut client)).await;
        assert!(begin.elapsed() < Duration::from_secs(5), "{begun:?}");
    }
    // One that drips is not faster for it.
    let mut client = TcpStream::connect(to).await.unwrap();
    within(async {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(get(to, "/", "").await.ends_with("ok"));
}

#[tokio::test]
async fn an_idle_connection_ends_after_its_time_and_a_used_one_begins_anew() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, SHORT).await;
    let mut client = TcpStream::connect(address(&gateway).await).await.unwrap();
    let begin = Instant::now();
    for _ in 0..4 {
        // Longer than a head may take, and shorter than a connection may be idle.
        tokio::time::sleep(Duration::from_millis(250)).await;
        if begin.elapsed() < Duration::from_millis(300) {
            // The first request of a connection has the time of a head alone.
            client = TcpStream::connect(address(&gateway).await).await.unwrap();
        }
        say(&mut client, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
        crate::support::read_until(&mut client, "ok").await;
    }
    let begin = Instant::now();
    assert_eq!(within(read_all(&mut client)).await, "");
    assert!(begin.elapsed() > Duration::from_millis(200), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_idle_connection_of_http2_is_told_to_go() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, SHORT).await;
    let stream = TcpStream::connect(address(&gateway).await).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let begin = Instant::now();
    let (response, _) = client.send_request(Request::get("http://shop/").body(()).unwrap(), true).unwrap();
    let mut body = within(response).await.unwrap().into_body();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), Bytes::from("ok"));
    drop(body);
    // Without an error: a client may send what it has over another connection.
    within(connection).await.unwrap().unwrap();
    assert!(begin.elapsed() > Duration::from_millis(300), "{:?}", begin.elapsed());
    drop(client);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_the_service_is_free() {
    let (ended, mut is_ended) = tokio::sync::watch::channel(false);
    let upstream = service(move |mut stream| {
        let ended = ended.clone();
        async move {
            crate::support::read_until(&mut stream, "\r\n\r\n").await;
            say(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {}
            ended.send_replace(true);
        }
    })
    .await;
    let gateway = gateway(upstream, SHORT).await;
    let mut client = TcpStream::connect(address(&gateway).await).await.unwrap();
    say(&mut client, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    within(is_ended.wait_for(|ended| *ended)).await.unwrap();
}

#[tokio::test]
async fn heads_without_end_are_refused() {
    let (upstream, heard) = saying(OK).await;
    let gateway = gateway(upstream, "[limits]\nhead_bytes = 8192\nhead_fields = 20\n").await;
    let to = address(&gateway).await;
    let long = format!("x-long: {}\r\n", "x".repeat(100_000));
    let many = "x: y\r\n".repeat(1000);
    let target = format!("/{}", "x".repeat(70_000));
    for (path, headers) in [("/", &*long), ("/", &*many), (&*target, "")] {
        let answer = get(to, path, headers).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414"),
            "{answer}"
        );
    }
    assert_eq!(heard.all().len(), 0);
    assert!(get(to, "/", "").await.ends_with("ok"));
}

#[tokio::test]
async fn rapid_resets_end_their_connection_and_no_other() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    let (client, connection) = h2::client::handshake(TcpStream::connect(to).await.unwrap()).await.unwrap();
    let driver = tokio::spawn(connection);
    let flood = async {
        let mut client: h2::client::SendRequest<Bytes> = client;
        for _ in 0..20_000 {
            let Ok(mut ready) = client.ready().await else { return };
            let request = Request::get("http://shop/").body(()).unwrap();
            let Ok((_, mut stream)) = ready.send_request(request, false) else { return };
            stream.send_reset(h2::Reason::CANCEL);
            client = ready;
            tokio::task::yield_now().await;
        }
    };
    within(flood).await;
    assert!(get(to, "/", "").await.ends_with("ok"));
    driver.abort();
    eventually(async || gateway.atrion().route("unmatched").snapshot().in_flight == 0).await;
}

#[tokio::test]
async fn silent_connections_by_the_thousand_leave_the_others_alone() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    let mut held = Vec::new();
    for _ in 0..2000 {
        held.push(TcpStream::connect(to).await.unwrap());
    }
    let begin = Instant::now();
    assert!(get(to, "/", "").await.ends_with("ok"));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let open = get(admin(&gateway), "/metrics", "").await;
    let open = open.lines().find(|line| line.starts_with("atrion_gateway_connections{")).unwrap_or(&open);
    assert!(open.ends_with(" 2000") || open.ends_with(" 2001"), "{open}");
}

#[tokio::test]
async fn no_more_connections_are_taken_than_there_are_places() {
    let (upstream, _) = saying(OK).await;
    let gateway = gateway(upstream, "[limits]\nconnections = 2\n").await;
    let to = address(&gateway).await;
    let held = [TcpStream::connect(to).await.unwrap(), TcpStream::connect(to).await.unwrap()];
    let waiting = tokio::spawn(async move { get(to, "/", "").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(held);
    assert!(within(waiting).await.unwrap().ends_with("ok"));
}

#[tokio::test]
async fn streams_of_one_connection_are_bounded() {
    let upstream = service(|mut stream| async move {
        read_all(&mut stream).await;
    })
    .await;
    let gateway = gateway(upstream, "[limits]\nstreams = 5\n").await;
    let stream = TcpStream::connect(address(&gateway).await).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client: h2::client::SendRequest<Bytes> = client.ready().await.unwrap();
    let _held: Vec<_> =
        (0..20).map(|_| client.send_request(Request::get("http://shop/").body(()).unwrap(), true)).collect();
    eventually(async || gateway.atrion().route("unmatched").snapshot().in_flight == 5).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(gateway.atrion().route("unmatched").snapshot().in_flight, 5);
}
