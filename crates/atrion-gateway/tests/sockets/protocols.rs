// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 and HTTP/2 on both sides: trailers, streams both ways, upgrades, 100-continue,
//! connections that are used again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    OK, address, eventually, exchange, gateway, get, h2_client, read_all, read_request, read_until, say,
    saying, service, within,
};

/// A gRPC service in small: it sends each piece back as it comes, and a status at the end.
async fn echo() -> SocketAddr {
    service(|stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            tokio::spawn(async move {
                let (parts, mut body) = request.into_parts();
                let mut response = Response::builder().header("content-type", "application/grpc");
                if let Some(authority) = parts.uri.authority() {
                    response = response.header("x-authority", authority.as_str());
                }
                let mut stream = respond.send_response(response.body(()).unwrap(), false).unwrap();
                while let Some(Ok(piece)) = body.data().await {
                    body.flow_control().release_capacity(piece.len()).unwrap();
                    stream.send_data(piece, false).unwrap();
                }
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                stream.send_trailers(trailers).unwrap();
            });
        }
    })
    .await
}

#[tokio::test]
async fn grpc_streams_both_ways_and_ends_with_its_status() {
    let gateway = gateway(echo().await, "protocol = \"http2\"\n").await;
    let mut client = h2_client(address(&gateway).await).await;
    within(async {
        let request = Request::post("http://shop.example/echo.Echo/Say").header("te", "trailers");
        let request = request.header("content-type", "application/grpc").body(()).unwrap();
        let (response, mut sending) = client.send_request(request, false).unwrap();
        let (parts, mut body) = response.await.unwrap().into_parts();
        assert_eq!(parts.headers["x-authority"], "shop.example");
        for piece in ["one", "two", "three"] {
            // The answer to each comes before the next one is sent: nothing waits for the whole.
            sending.send_data(piece.into(), false).unwrap();
            assert_eq!(body.data().await.unwrap().unwrap(), piece);
        }
        sending.send_data(Bytes::new(), true).unwrap();
        assert!(body.data().await.is_none());
        assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "0");
    })
    .await;
    let gate = gateway.atrion().route("unmatched");
    eventually(async || gate.snapshot().counts.succeeded() == 1).await;
}

#[tokio::test]
async fn http2_clients_reach_a_service_of_http1_and_the_other_way_round() {
    let (upstream, heard) = saying(OK).await;
    let one = gateway(upstream, "").await;
    let mut client = h2_client(address(&one).await).await;
    within(async {
        let request = Request::get("http://shop.example/x").header("cookie", "a=1").header("cookie", "b=2");
        let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().data().await.unwrap().unwrap(), "ok");
    })
    .await;
    let heard = heard.all().remove(0);
    assert!(heard.contains("host: shop.example\r\n") && heard.contains("cookie: a=1; b=2\r\n"), "{heard}");

    let two = gateway(echo().await, "protocol = \"http2\"\n").await;
    let request = "POST / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc";
    let answer = exchange(address(&two).await, request).await;
    assert!(answer.contains("x-authority: shop") && answer.contains("\r\n3\r\nabc\r\n"), "{answer}");
}

#[tokio::test]
async fn trailers_of_http1_come_through_to_clients_that_want_them() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n";
    let (upstream, heard) = saying(answer).await;
    let gateway = gateway(upstream, "").await;
    let whole = get(address(&gateway).await, "/", "te: trailers\r\n").await;
    assert!(whole.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{whole}");
    let asked = heard.all().remove(0);
    assert!(asked.contains("te: trailers\r\n") && asked.contains("connection: te\r\n"), "{asked}");
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways() {
    let upstream = service(|mut stream| async move {
        let head = read_request(&mut stream).await.unwrap().to_ascii_lowercase();
        assert!(head.contains("connection: upgrade\r\n") && head.contains("upgrade: websocket\r\n"), "{head}");
        say(&mut stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\nhello").await;
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    })
    .await;
    let gateway = gateway(upstream, "").await;
    let mut client = TcpStream::connect(address(&gateway).await).await.unwrap();
    say(
        &mut client,
        "GET /chat HTTP/1.1\r\nhost: shop\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\n",
    )
    .await;
    let head = read_until(&mut client, "hello").await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n") && head.contains("1\r\n"), "{head}");
    for word in ["ping", "pong"] {
        say(&mut client, word).await;
        read_until(&mut client, word).await;
    }
    client.shutdown().await.unwrap();
    assert_eq!(within(read_all(&mut client)).await, "");
}

#[tokio::test]
async fn a_protocol_that_nobody_asked_for_is_no_answer() {
    let (upstream, heard) =
        saying("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    let gateway = gateway(upstream, "").await;
    let asked = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n";
    let answer = exchange(
        address(&gateway).await,
        format!("GET / HTTP/1.1\r\nhost: shop\r\n{asked}\r\nGET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(!heard.all()[0].to_ascii_lowercase().contains("upgrade"), "{:?}", heard.all());
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on_when_the_service_is_there() {
    let (upstream, heard) = saying(OK).await;
    let gateway = gateway(upstream, "").await;
    let mut client = TcpStream::connect(address(&gateway).await).await.unwrap();
    say(&mut client, "POST / HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        .await;
    read_until(&mut client, "HTTP/1.1 100 Continue\r\n\r\n").await;
    say(&mut client, "body").await;
    read_until(&mut client, "ok").await;
    assert!(heard.all()[0].ends_with("body") && !heard.all()[0].to_ascii_lowercase().contains("expect"));
}

#[tokio::test]
async fn connections_to_the_service_are_used_again_and_lost_ones_are_not_noticed() {
    static OPENED: AtomicUsize = AtomicUsize::new(0);
    // The service closes each connection after two answers, and says so to nobody.
    let upstream = service(|mut stream| async move {
        OPENED.fetch_add(1, Relaxed);
        for _ in 0..2 {
            if read_request(&mut stream).await.is_none() {
                return;
            }
            say(&mut stream, OK).await;
        }
    })
    .await;
    let gateway = gateway(upstream, "").await;
    let mut client = TcpStream::connect(address(&gateway).await).await.unwrap();
    for _ in 0..10 {
        say(&mut client, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
        let answer = read_until(&mut client, "ok").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(OPENED.load(Relaxed), 5);
}

#[tokio::test]
async fn a_body_streams_before_it_is_whole() {
    let upstream = service(|mut stream| async move {
        read_until(&mut stream, "first").await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
        read_until(&mut stream, "second").await;
        say(&mut stream, "3\r\ntwo\r\n0\r\n\r\n").await;
    })
    .await;
    let gateway = gateway(upstream, "").await;
    let mut client = TcpStream::connect(address(&gateway).await).await.unwrap();
    say(&mut client, "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 11\r\n\r\nfirst").await;
    read_until(&mut client, "one").await;
    say(&mut client, "second").await;
    read_until(&mut client, "two").await;
}

#[tokio::test]
async fn a_large_body_needs_no_memory_of_its_size() {
    const SIZE: usize = 64 << 20;
    let upstream = service(|mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        say(&mut stream, &format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
        let piece = vec![b'x'; 1 << 16];
        for _ in 0..SIZE / piece.len() {
            if stream.write_all(&piece).await.is_err() {
                return;
            }
        }
    })
    .await;
    let gateway = gateway(upstream, "").await;
    let mut client = TcpStream::connect(address(&gateway).await).await.unwrap();
    say(&mut client, "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await;
    let before = resident();
    let mut piece = vec![0; 1 << 16];
    let (mut read, mut most) = (0, 0);
    within(async {
        while let Ok(length @ 1..) = client.read(&mut piece).await {
            read += length;
            most = most.max(resident());
        }
    })
    .await;
    assert!(read > SIZE, "{read}");
    assert!(most.saturating_sub(before) < 32 << 20, "{before} {most}");
}

/// The resident bytes of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

#[tokio::test]
async fn many_requests_over_one_connection_of_http2_share_one_to_the_service() {
    static OPENED: AtomicUsize = AtomicUsize::new(0);
    let inner = echo().await;
    let upstream = service(move |mut stream| async move {
        OPENED.fetch_add(1, Relaxed);
        let mut service = TcpStream::connect(inner).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut service).await;
    })
    .await;
    let gateway = Arc::new(gateway(upstream, "protocol = \"http2\"\n").await);
    let client = h2_client(address(&gateway).await).await;
    let calls = (0..50).map(|n| {
        let mut client = client.clone();
        async move {
            let request = Request::post(format!("http://shop/{n}")).body(()).unwrap();
            let (response, mut sending) = client.send_request(request, false).unwrap();
            sending.send_data("x".into(), true).unwrap();
            response.await.unwrap().into_body().data().await.unwrap().unwrap()
        }
    });
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        assert_eq!(within(call).await.unwrap(), "x");
    }
    assert_eq!(OPENED.load(Relaxed), 1);
}
