// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A crowd of slow strangers keeps out nobody who has signed in.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::{Events, get, post, sign_in, token, world};

/// With both ends of each connection that is accepted, fewer than the 1,024 files of a process.
const STRANGERS: usize = 600;

/// Sends a head that never ends, byte by byte, and connects again as soon as it is cut off.
async fn dawdle(to: SocketAddr) {
    loop {
        let Ok(mut stream) = TcpStream::connect(to).await else { continue };
        let mut sent = stream.write_all(b"GET / HTTP/1.1\r\nX: ").await;
        while sent.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
            sent = stream.write_all(b"x").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_slow_strangers_keeps_out_nobody_who_is_signed_in() {
    let (_atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let mut stream = Events::open(to, &cookie, None).await;
    let mut crowd: JoinSet<()> = (0..STRANGERS).map(|_| dawdle(to)).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..4 {
        let begin = Instant::now();
        assert_eq!(get(to, "/api/v1/state", &[("Cookie", &cookie)]).await.status, 200);
        assert!(begin.elapsed() < Duration::from_secs(8), "it took {:?}", begin.elapsed());
    }
    // Nor anybody with the token.
    assert_eq!(post(to, "/session", &[], &json!({ "token": token(&studio) })).await.status, 204);
    for _ in 0..3 {
        stream.until("frame").await;
    }
    crowd.shutdown().await;
}
