// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A browser that does not read is dropped, and nothing waits for it.

use std::time::{Duration, Instant};

use atrion_core::{Outcome, Tier};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::client::{Events, sign_in, world};

/// A connection with a small window that asks for the stream and never reads a byte.
async fn stuck(to: std::net::SocketAddr, cookie: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let head = format!("GET /studio/v1/stream HTTP/1.1\r\nHost: {to}\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_does_not_read_is_cut_off_and_holds_up_nothing() {
    // Many routes that change all the time, so that the frames are large.
    let (atrion, studio) = world(|builder| builder.patience(Duration::from_secs(3))).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let routes: Vec<_> =
        (0..2_000).map(|n| atrion.route(&format!("GET /a/rather/long/name/of/a/route/{n}"))).collect();
    let stuck: Vec<TcpStream> = [stuck(to, &cookie).await, stuck(to, &cookie).await].into();
    let mut reader = Events::open(to, &cookie, None).await;
    let begin = Instant::now();
    let mut frames = 0;
    let mut slowest = Duration::ZERO;
    while studio.clients() > 1 || frames < 3 {
        assert!(begin.elapsed() < Duration::from_secs(50), "{} still watch", studio.clients());
        for route in &routes {
            let before = Instant::now();
            route.admit(Tier::Normal).unwrap().finish(Outcome::Success);
            slowest = slowest.max(before.elapsed());
        }
        let message = reader.next().await.expect("a reader is not cut off");
        frames += usize::from(message.event == "frame");
    }
    assert_eq!(studio.clients(), 1, "the one that reads is still there");
    // Admission never waits for a browser; the bound allows for a busy machine.
    assert!(slowest < Duration::from_millis(500), "an admission took {slowest:?}");
    drop(stuck);
}
