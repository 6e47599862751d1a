// SPDX-License-Identifier: Apache-2.0
//! Keep-alive connections to the service: raw hyper, a stack of idle ones, no limit.
//!
//! A client library would add retries, a queue, or a limit per host; this client has none. A
//! dropped request closes its connection, as a client does that leaves.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use atrion_state::lock;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Sender = SendRequest<Empty<Bytes>>;

/// A set of connections to one port of the loopback address.
pub(super) struct Connections {
    target: SocketAddr,
    /// Held for a push or a pop, never across an await.
    idle: Mutex<Vec<Sender>>,
}

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("cannot connect")]
    Connect(#[from] std::io::Error),
    #[error("the exchange broke off")]
    Exchange(#[from] hyper::Error),
}

impl Connections {
    pub(super) fn new(port: u16) -> Self {
        Self { target: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), idle: Mutex::new(Vec::new()) }
    }

    /// Sends a request and reads the answer to its end. Dropping the future closes the connection.
    pub(super) async fn send(&self, request: Request<Empty<Bytes>>) -> Result<Response<()>, SendError> {
        let mut sender = match self.idle() {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        sender.ready().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        body.collect().await?;
        self.with_idle(|idle| idle.push(sender));
        Ok(Response::from_parts(head, ()))
    }

    /// The connection that was used last. The others may go cold.
    fn idle(&self) -> Option<Sender> {
        self.with_idle(|idle| std::iter::from_fn(|| idle.pop()).find(|sender| !sender.is_closed()))
    }

    fn with_idle<T>(&self, act: impl FnOnce(&mut Vec<Sender>) -> T) -> T {
        act(&mut lock(&self.idle))
    }

    async fn connect(&self) -> Result<Sender, SendError> {
        let stream = TcpStream::connect(self.target).await?;
        stream.set_nodelay(true)?;
        // Thousands of given-up connections in a minute would leave as many ports in TIME_WAIT and
        // exhaust the range of ephemeral ports; a reset leaves none.
        stream.set_zero_linger()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::Notify;

    use super::*;

    fn request(path: &str) -> Request<Empty<Bytes>> {
        Request::get(path).header("host", "localhost").body(Empty::new()).expect("a request")
    }

    /// Answers everything but `/never`, counts the connections, and tells when one is closed.
    async fn server() -> (u16, Arc<AtomicUsize>, Arc<Notify>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (accepted, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (count, gone) = (accepted.clone(), closed.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Relaxed);
                let gone = gone.clone();
                tokio::spawn(async move {
                    let mut buffer = [0; 1024];
                    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                        if !buffer[..read].starts_with(b"GET /never") {
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                        }
                    }
                    gone.notify_one();
                });
            }
        });
        (port, accepted, closed)
    }

    #[tokio::test]
    async fn a_connection_is_used_again_and_a_given_up_one_is_closed() {
        let (port, accepted, closed) = server().await;
        let connections = Connections::new(port);
        for _ in 0..3 {
            let response = connections.send(request("/")).await.expect("an answer");
            assert_eq!(response.status(), 200);
        }
        assert_eq!(accepted.load(Relaxed), 1);
        {
            let mut given_up = std::pin::pin!(connections.send(request("/never")));
            tokio::select! {
                biased;
                _ = &mut given_up => panic!("no answer"),
                // Long enough for the request to be sent: the next answer comes by another
                // connection.
                answer = connections.send(request("/")) => assert!(answer.is_ok()),
            }
        }
        closed.notified().await;
        assert_eq!(accepted.load(Relaxed), 2);
    }

    #[tokio::test]
    async fn a_port_without_a_listener_is_an_error() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let error = Connections::new(port).send(request("/")).await.expect_err("the port is closed");
        assert!(matches!(error, SendError::Connect(_)), "{error}");
    }
}
