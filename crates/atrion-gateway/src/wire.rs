// SPDX-License-Identifier: Apache-2.0
//! The bytes of one connection, of whatever kind: TCP or unix socket, with TLS or without.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection, with what has been read of it already. Its peer has a bounded time to take what is
/// written: one that takes nothing is cut off, and holds no memory for ever.
pub(crate) struct Wire {
    io: Box<dyn Io>,
    read: Bytes,
    patience: Duration,
    stuck: Patience,
}

impl Wire {
    pub(crate) fn new(io: Box<dyn Io>, read: Bytes, patience: Duration) -> Self {
        Self { io, read, patience, stuck: Patience::default() }
    }

    /// Passes on what a write has done, and gives up if nothing has been taken for too long.
    fn within<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck.again();
            return written;
        }
        if self.stuck.poll(cx, self.patience).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")));
        }
        Poll::Pending
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, into);
        }
        let length = self.read.len().min(into.remaining());
        into.put_slice(&self.read[..length]);
        self.read.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.within(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.within(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.within(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.io).poll_shutdown(cx);
        self.within(cx, closed)
    }
}

/// Time that starts anew with each call of [`again`](Self::again), made when it is first waited for.
#[derive(Default)]
pub(crate) struct Patience(Option<Pin<Box<Sleep>>>, bool);

impl Patience {
    /// Waits on; ready when `limit` is over since waiting began.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<()> {
        let Self(timer, is_running) = self;
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !std::mem::replace(is_running, true) {
            timer.as_mut().reset(Instant::now() + limit);
        }
        timer.as_mut().poll(cx)
    }

    /// What was waited for has come.
    pub(crate) fn again(&mut self) {
        self.1 = false;
    }
}
