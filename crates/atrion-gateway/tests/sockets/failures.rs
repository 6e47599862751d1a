// SPDX-License-Identifier: Apache-2.0
//! What clients get when the service refuses, hangs or dies, and that the gate learns of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::support::{
    address, admin, eventually, exchange, gateway, get, read_request, say, saying, service, within,
};

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn failures(gateway: &atrion_gateway::Gateway) -> u64 {
    gateway.atrion().route("unmatched").snapshot().counts.failed()
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_502_that_says_so() {
    let gateway = gateway(nobody().await, "").await;
    let answer = get(address(&gateway).await, "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert!(
        answer.contains("application/problem+json") && answer.contains("\"stage\":\"connect\""),
        "{answer}"
    );
    assert!(
        answer.contains("urn:atrion:problem:upstream-failed") && !answer.contains("127.0.0.1"),
        "{answer}"
    );
    eventually(async || failures(&gateway) == 1).await;
    let metrics = get(admin(&gateway), "/metrics", "").await;
    let line = metrics.lines().find(|line| line.starts_with("atrion_gateway_errors_total{")).unwrap();
    assert!(
        line.contains("kind=\"failure\"") && line.contains("stage=\"connect\"") && line.ends_with(" 1"),
        "{line}"
    );
}

#[tokio::test]
async fn a_service_that_thinks_for_too_long_is_a_504() {
    let upstream = service(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let gateway = gateway(upstream, "timeouts = { response_head = \"100ms\" }\n").await;
    let answer = get(address(&gateway).await, "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer}");
    assert!(answer.contains("\"stage\":\"response_head\""), "{answer}");
    eventually(async || failures(&gateway) == 1).await;
}

#[tokio::test]
async fn garbage_and_silence_of_the_service_are_a_502() {
    for garbage in [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0",
    ] {
        let (upstream, _) = saying(garbage).await;
        let gateway = gateway(upstream, "").await;
        let answer = get(address(&gateway).await, "/", "").await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{garbage:?}: {answer}");
        eventually(async || failures(&gateway) == 1).await;
    }
}

#[tokio::test]
async fn a_request_on_which_the_service_hangs_up_goes_out_twice_at_the_most() {
    const CLIENTS: usize = 5;
    // All clients at once, so that as many connections are idle afterwards.
    let together = Arc::new(Barrier::new(CLIENTS));
    let deadly = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&deadly);
    let upstream = service(move |mut stream| {
        let (together, count) = (Arc::clone(&together), Arc::clone(&count));
        async move {
            while let Some(request) = read_request(&mut stream).await {
                if request.starts_with("GET /deadly ") {
                    count.fetch_add(1, Relaxed);
                    return;
                }
                together.wait().await;
                say(&mut stream, crate::support::OK).await;
            }
        }
    })
    .await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(async move { get(to, "/", "").await })).collect();
    for client in clients {
        assert!(within(client).await.unwrap().ends_with("ok"));
    }
    let answer = get(to, "/deadly", "").await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert_eq!(deadly.load(Relaxed), 2);
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let (upstream, _) = saying(answer).await;
        let gateway = gateway(upstream, "").await;
        let answer = get(address(&gateway).await, "/", "").await;
        // No last chunk, and not all bytes: the client sees that something is missing.
        assert!(answer.contains("half") && !answer.contains("\r\n0\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn what_a_service_says_twice_or_early_reaches_no_other_client() {
    let twice =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let (upstream, heard) = saying(twice).await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    for _ in 0..5 {
        let answer = get(to, "/", "").await;
        assert!(answer.ends_with("ok") && !answer.contains("evil"), "{answer}");
    }
    assert_eq!(heard.all().len(), 5);
}

#[tokio::test]
async fn an_early_answer_comes_before_the_body_is_sent() {
    let upstream = service(|mut stream| async move {
        let mut head = [0; 8];
        stream.read_exact(&mut head).await.unwrap();
        say(
            &mut stream,
            "HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig",
        )
        .await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let gateway = gateway(upstream, "").await;
    let request = "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 100000\r\n\r\nbegins";
    let mut client = tokio::net::TcpStream::connect(address(&gateway).await).await.unwrap();
    say(&mut client, request).await;
    let answer = crate::support::read_until(&mut client, "big").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_and_the_service_is_not_blamed() {
    let upstream = service(|mut stream| async move {
        if read_request(&mut stream).await.is_some() {
            say(&mut stream, crate::support::OK).await;
        }
    })
    .await;
    let gateway = gateway(upstream, "timeouts = { request_body = \"100ms\" }\n").await;
    let request = "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 100\r\n\r\nhalf";
    let answer = exchange(address(&gateway).await, request).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let counts = || gateway.atrion().route("unmatched").snapshot().counts;
    eventually(async || counts().ignored() == 1).await;
    assert_eq!(counts().failed(), 0);
}

#[tokio::test]
async fn the_gate_closes_before_a_dead_service_and_opens_again() {
    let dead = nobody().await;
    let gateway = gateway(dead, "").await;
    let to = address(&gateway).await;
    eventually(async || get(to, "/", "").await.starts_with("HTTP/1.1 503")).await;
    let listener = TcpListener::bind(dead).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while read_request(&mut stream).await.is_some() {
                    say(&mut stream, crate::support::OK).await;
                }
            });
        }
    });
    eventually(async || get(to, "/", "").await.starts_with("HTTP/1.1 200")).await;
}
