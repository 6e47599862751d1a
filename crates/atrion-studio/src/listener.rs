// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Connections that end when they stand still: there is a bounded number of them (see [`Rooms`]),
//! and each one ends when no byte moves either way for a while. A stuck browser holds a socket for
//! that long and nothing else. So does a client that sends a request byte by byte: only the first
//! byte in, and then only what is answered, starts the time anew.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep};

use crate::rooms::{Place, Rooms, Seat};

/// Listens with a bound on what the kernel buffers for each browser, which accepted connections
/// inherit. Without it the kernel takes in megabytes for a browser that does not read before
/// anybody notices.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As for every server: a restart need not wait for the connections of the life before.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connections that wait in the kernel until there is room: past it a client's system tries again
/// after a second, so a crowd of strangers should fit.
const BACKLOG: u32 = 1024;

/// Enough for the state of a thousand routes at once.
const SEND_BUFFER: u32 = 256 * 1024;

/// Accepts guarded connections.
#[derive(Debug)]
pub(crate) struct Guarded {
    listener: TcpListener,
    rooms: Rooms,
    patience: Duration,
}

/// A connection that ends when it stands still.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    patience: Duration,
    /// Something came in since something went out: more input gains no time.
    is_owed: bool,
    seat: Seat,
}

impl Guarded {
    pub(crate) fn new(listener: TcpListener, rooms: Rooms, patience: Duration) -> Self {
        Self { listener, rooms, patience }
    }
}

impl Listener for Guarded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            self.rooms.room_for_a_stranger().await;
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    // Small messages should arrive at once; a socket without this option works,
                    // too.
                    let _ = stream.set_nodelay(true);
                    let deadline = Box::pin(tokio::time::sleep(self.patience));
                    let (patience, seat) = (self.patience, self.rooms.enter());
                    return (Connection { stream, deadline, patience, is_owed: false, seat }, from);
                }
                // Out of file descriptors, or the client has left already: a retry at once helps
                // neither.
                Err(error) => {
                    tracing::debug!(target: "atrion::studio", %error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    /// Polls the socket. While it is pending, time runs; the time starts anew when something goes
    /// out, and when the first byte of a request comes in. Its place may have gone to another.
    fn guarded<T>(
        &mut self,
        cx: &mut Context<'_>,
        is_in: bool,
        act: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.seat.poll_taken(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "made room for another",
            )));
        }
        match act(Pin::new(&mut self.stream), cx) {
            Poll::Pending => {
                ready!(self.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing moved for too long")))
            }
            moved => {
                if !(is_in && self.is_owed) {
                    let deadline = Instant::now() + self.patience;
                    self.deadline.as_mut().reset(deadline);
                }
                self.is_owed = is_in;
                moved
            }
        }
    }
}

/// Every request of a connection knows its place.
impl Connected<IncomingStream<'_, Guarded>> for Place {
    fn connect_info(stream: IncomingStream<'_, Guarded>) -> Self {
        stream.io().seat.place()
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().guarded(cx, true, |stream, cx| stream.poll_read(cx, into))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().guarded(cx, false, |stream, cx| stream.poll_write(cx, from))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().guarded(cx, false, |stream, cx| stream.poll_write_vectored(cx, from))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn pair(patience: Duration) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut guarded = Guarded::new(listener, Rooms::new(1, 1), patience);
        let client = TcpStream::connect(address).await.unwrap();
        (guarded.accept().await.0, client)
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_cut_off() {
        let (mut connection, _client) = pair(Duration::from_millis(200)).await;
        let endless = [0; 64 * 1024];
        let error = loop {
            if let Err(error) = connection.write_all(&endless).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_cut_off_and_one_that_is_answered_is_not() {
        let (mut connection, mut client) = pair(Duration::from_millis(900)).await;
        let mut byte = [0];
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            client.write_all(b"x").await.unwrap();
            connection.read_exact(&mut byte).await.unwrap();
            connection.write_all(b"y").await.unwrap();
        }
        assert_eq!(connection.read(&mut byte).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn crumbs_gain_no_time() {
        let (mut connection, mut client) = pair(Duration::from_millis(300)).await;
        let crumbs = tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut byte = [0];
        let error = loop {
            if let Err(error) = connection.read_exact(&mut byte).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(connection);
        crumbs.await.unwrap();
    }
}
