// SPDX-License-Identifier: Apache-2.0
//! A refusal reaches a client that is still sending.

use std::net::SocketAddr;
use std::time::Duration;

use atrion_engine::{Atrion, Override};
use atrion_state::OverrideKind;
use atrion_tower::AdmissionLayer;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::serve::{app, atrion, serve, until};

async fn refusing() -> (Atrion, SocketAddr) {
    let atrion = atrion().await;
    let reason = "a test".to_owned();
    let wanted = Override { kind: OverrideKind::ForceOpen, reason, time_to_live: Duration::from_secs(600) };
    atrion.overrides().set(&atrion.route("POST /upload"), wanted).unwrap();
    let address = serve(app().layer(AdmissionLayer::new(atrion.clone()))).await;
    (atrion, address)
}

/// Sends one upload, all of it before it looks for the answer, and gives back the answer's first
/// line.
async fn upload(socket: &mut BufReader<TcpStream>, size: usize) -> std::io::Result<String> {
    let head = format!("POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    for _ in 0..size / 1_000 {
        socket.write_all(&[b'x'; 1_000]).await?;
    }
    answer(socket).await
}

async fn answer(socket: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let (mut first, mut length) = (String::new(), 0);
    socket.read_line(&mut first).await?;
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await?;
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    socket.read_exact(&mut vec![0; length]).await?;
    Ok(first.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_on_a_kept_connection_hear_each_refusal() {
    let (_atrion, address) = refusing().await;
    let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
    for number in 0..30 {
        let answer = upload(&mut socket, 100_000).await;
        assert_eq!(answer.unwrap(), "HTTP/1.1 503 Service Unavailable", "upload {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let (_atrion, address) = refusing().await;
    let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
    let head = "POST /upload HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut socket).await.unwrap(), "HTTP/1.1 503 Service Unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dawdling_client_that_is_refused_holds_no_place() {
    let (atrion, address) = refusing().await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx";
    socket.write_all(head).await.unwrap();
    let snapshot = || atrion.route("POST /upload").snapshot();
    until("it is refused", || snapshot().counts.all_shed() == 1).await;
    assert_eq!((snapshot().in_flight, snapshot().waiting), (0, 0));
}
