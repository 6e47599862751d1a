// SPDX-License-Identifier: Apache-2.0
//! Clients that want to hold what they are given: all of it is bounded, and others are served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{
    OK, address, eventually, gateway, get, read_all, read_request, say, saying, service, within,
};

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
    assert!(get(to, "/", "").await.ends_with("ok"));
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
    let (ended, mut is_ended) = watch::channel(false);
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
async fn a_head_that_goes_on_and_on_ends_its_connection() {
    const MOST: usize = 16 << 20;
    let (upstream, heard) = saying(OK).await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    let mut client = TcpStream::connect(to).await.unwrap();
    // The preface, empty settings, and the first piece of a head, without an end.
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    client.write_all(b"\0\0\x01\x01\0\0\0\0\x01\x82").await.unwrap();
    // CONTINUATION with a field that is in no table: `x: x`, again and again.
    let mut piece = b"\0\x3f\xfc\x09\0\0\0\0\x01".to_vec();
    piece.extend(b"\0\x01x\x01x".repeat(0x3ffc / 5).iter().chain(&[0x82; 0x3ffc % 5]));
    let mut sent = 0;
    within(async {
        while sent < MOST && client.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
    })
    .await;
    assert!(sent < MOST, "it took {sent} bytes of a head");
    assert!(get(to, "/", "").await.ends_with("ok"));
    assert_eq!(heard.all().len(), 1);
}

/// A service that answers every request when it is told to, and the most that it had at one time.
async fn counting() -> (SocketAddr, watch::Sender<bool>, Arc<AtomicUsize>) {
    let (go, wait) = watch::channel(false);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let upstream = service(move |mut stream| {
        let (mut wait, now, most) = (wait.clone(), Arc::clone(&now), Arc::clone(&most));
        async move {
            while read_request(&mut stream).await.is_some() {
                most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                let _ = wait.wait_for(|go| *go).await;
                now.fetch_sub(1, Relaxed);
                say(&mut stream, OK).await;
            }
        }
    })
    .await;
    (upstream, go, seen)
}

#[tokio::test]
async fn no_more_connections_are_taken_than_there_are_places() {
    let (upstream, go, most) = counting().await;
    let gateway = gateway(upstream, "[limits]\nconnections = 2\n").await;
    let to = address(&gateway).await;
    let clients: Vec<_> = (0..20).map(|_| tokio::spawn(async move { get(to, "/", "").await })).collect();
    eventually(async || most.load(Relaxed) == 2).await;
    go.send_replace(true);
    for client in clients {
        assert!(within(client).await.unwrap().ends_with("ok"));
    }
    assert_eq!(most.load(Relaxed), 2);
}

#[tokio::test]
async fn streams_of_one_connection_are_bounded() {
    let (upstream, go, most) = counting().await;
    let gateway = gateway(upstream, "[limits]\nstreams = 5\n").await;
    let stream = TcpStream::connect(address(&gateway).await).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    // All at once, before the client knows how many may be open.
    let ask = |_| client.send_request(Request::get("http://shop/").body(()).unwrap(), true).unwrap().0;
    let asked: Vec<_> = (0..20).map(ask).collect();
    tokio::spawn(connection);
    eventually(async || most.load(Relaxed) == 5).await;
    go.send_replace(true);
    let mut answered = 0;
    for response in asked {
        match within(response).await {
            Ok(response) => answered += u32::from(response.status() == 200),
            Err(error) => assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM)),
        }
    }
    assert_eq!((answered, most.load(Relaxed)), (5, 5));
}
