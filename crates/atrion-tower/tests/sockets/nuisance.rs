// SPDX-License-Identifier: Apache-2.0
//! Clients that use nothing up and hold what they are given.

use std::net::SocketAddr;
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Clients at work until they are dropped.
pub(crate) type Clients = JoinSet<()>;

/// Each sends the head of an upload, then a byte every 100 ms, and comes back when it is answered.
pub(crate) fn uploads(address: SocketAddr, path: &'static str, count: usize) -> Clients {
    each(count, move || async move {
        let mut socket = TcpStream::connect(address).await?;
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n");
        socket.write_all(head.as_bytes()).await?;
        let mut answer = [0; 1];
        loop {
            tokio::select! {
                _ = socket.read(&mut answer) => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(100)) => socket.write_all(b"x").await?,
            }
        }
    })
}

/// Each asks for a download and never reads it.
pub(crate) fn downloads(address: SocketAddr, count: usize) -> Clients {
    each(count, move || async move {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(b"GET /download HTTP/1.1\r\nhost: x\r\n\r\n").await?;
        std::future::pending().await
    })
}

fn each<F>(count: usize, client: impl Fn() -> F + Clone + Send + 'static) -> Clients
where
    F: Future<Output = std::io::Result<()>> + Send,
{
    let mut clients = JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        clients.spawn(async move {
            loop {
                // A connection that breaks is made anew.
                let _ = client().await;
            }
        });
    }
    clients
}

/// One connection whose streams send their heads and nothing else.
pub(crate) fn streams(address: SocketAddr, path: &'static str, count: usize) -> Clients {
    let mut clients = JoinSet::new();
    clients.spawn(async move {
        let socket = TcpStream::connect(address).await.unwrap();
        let (mut requests, connection) = h2::client::handshake(socket).await.unwrap();
        let mut held = Vec::new();
        let hold = async {
            for _ in 0..count {
                requests = requests.ready().await.unwrap();
                let request = Request::post(format!("http://x{path}"))
                    .header("content-type", "application/grpc")
                    .body(())
                    .unwrap();
                held.push(requests.send_request(request, false).unwrap());
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = connection => {}
            () = hold => {}
        }
    });
    clients
}
