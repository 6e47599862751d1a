// SPDX-License-Identifier: Apache-2.0
//! A refusal reaches a client that is still sending.

use std::net::SocketAddr;
use std::time::Duration;

use atrion_engine::{Atrion, Override};
use atrion_state::OverrideKind;
use atrion_tower::AdmissionLayer;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
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

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Sends one upload, all of it before it looks for the answer, and gives back the answer's first
/// line.
async fn upload(socket: &mut BufReader<TcpStream>, size: usize) -> std::io::Result<String> {
    let head = format!("POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    for _ in 0..size / KIB {
        socket.write_all(&[b'x'; KIB]).await?;
    }
    answer(socket).await
}

/// The same without a length.
async fn upload_in_chunks(socket: &mut BufReader<TcpStream>, size: usize) -> std::io::Result<String> {
    let head = b"POST /upload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head).await?;
    for _ in 0..size / KIB {
        socket.write_all(b"400\r\n").await?;
        socket.write_all(&[b'x'; KIB]).await?;
        socket.write_all(b"\r\n").await?;
    }
    socket.write_all(b"0\r\n\r\n").await?;
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
    for (size, times) in [(KIB, 30), (100 * KIB, 30), (MIB, 10), (8 * MIB, 5)] {
        let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
        for number in 0..times {
            let answer = upload(&mut socket, size).await.unwrap();
            assert_eq!(answer, "HTTP/1.1 503 Service Unavailable", "upload {number} of {size}");
            let answer = upload_in_chunks(&mut socket, size).await.unwrap();
            assert_eq!(answer, "HTTP/1.1 503 Service Unavailable", "chunks {number} of {size}");
        }
    }
}

/// More than is read of any upload: the answer is there while the client sends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_listens_hears_before_it_has_sent() {
    let (_atrion, address) = refusing().await;
    let (read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    let head = format!("POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
    write.write_all(head.as_bytes()).await.unwrap();
    let sending = tokio::spawn(async move { while write.write_all(&[b'x'; KIB]).await.is_ok() {} });
    let mut first = String::new();
    BufReader::new(read).read_line(&mut first).await.unwrap();
    assert_eq!(first.trim(), "HTTP/1.1 503 Service Unavailable");
    // What it sends on is not read for ever.
    sending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_over_http2_hear_each_refusal() {
    let (_atrion, address) = refusing().await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    for (size, times) in [(100 * KIB, 30), (MIB, 10), (8 * MIB, 5)] {
        for number in 0..times {
            let request = Request::post(format!("http://{address}/upload"));
            let request = request.body(Full::from(vec![b'x'; size])).unwrap();
            let answer = client.request(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "upload {number} of {size}");
            let document = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(document.starts_with(b"{"), "upload {number} of {size}: {document:?}");
        }
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
