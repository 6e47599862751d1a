// SPDX-License-Identifier: Apache-2.0
//! How long a client may keep a connection on which nothing happens, or begin a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Limits;
use crate::wire::Wire;

/// What a connection is doing. Relaxed throughout: only timers look, and look again.
pub(crate) struct Life {
    begun: Instant,
    requests: AtomicUsize,
    /// Milliseconds after `begun` at which the latest request was over.
    quiet_since: AtomicU64,
    /// Milliseconds after `begun`, plus one, at which bytes came that are no request yet; 0: none
    /// have.
    head_since: AtomicU64,
    /// HTTP/2 has frames that belong to no request.
    is_http2: bool,
    idle: Duration,
    head: Duration,
    over: Notify,
}

/// A request on its way. Dropped, it is over.
pub(crate) struct Busy(Arc<Life>);

impl Life {
    pub(crate) fn new(is_http2: bool, limits: &Limits) -> Self {
        Self {
            begun: Instant::now(),
            requests: AtomicUsize::new(0),
            quiet_since: AtomicU64::new(0),
            // What the connection has begun with was read already.
            head_since: AtomicU64::new(1),
            is_http2,
            idle: limits.idle,
            head: limits.request_head,
            over: Notify::new(),
        }
    }

    pub(crate) fn request(self: &Arc<Self>) -> Busy {
        self.requests.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        Busy(Arc::clone(self))
    }

    /// Waits until the connection has been idle for too long.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn got_bytes(&self) {
        if self.requests.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.now() + 1, Relaxed);
        }
    }

    /// When to look again; `None`: its time is over.
    fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        if self.requests.load(Relaxed) > 0 {
            return Some(now + self.idle.min(self.head));
        }
        let quiet = self.begun + Duration::from_millis(self.quiet_since.load(Relaxed)) + self.idle;
        let due = match self.head_since.load(Relaxed) {
            since if since > 0 && !self.is_http2 => {
                quiet.min(self.begun + Duration::from_millis(since - 1) + self.head)
            }
            // The first bytes of a head make the time shorter: the timer has to be early enough.
            _ => quiet,
        };
        (due > now).then_some(due)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let life = &self.0;
        life.quiet_since.store(life.now(), Relaxed);
        life.requests.fetch_sub(1, Relaxed);
    }
}

/// The wire of a client, which ends when its time is over.
pub(crate) struct Attended {
    wire: Wire,
    life: Arc<Life>,
    timer: Option<Pin<Box<Sleep>>>,
    was_told: bool,
}

/// A connection that was asked to finish has so long to do it.
const FAREWELL: Duration = Duration::from_secs(2);

impl Attended {
    pub(crate) fn new(wire: Wire, life: Arc<Life>) -> Self {
        Self { wire, life, timer: None, was_told: false }
    }

    /// Ready when the connection has to end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Self { life, timer, was_told, .. } = self;
            let due = life.due();
            let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(due.unwrap_or_else(Instant::now))));
            match due {
                Some(due) if *was_told || timer.deadline() > due => {
                    timer.as_mut().reset(due);
                    *was_told = false;
                }
                Some(_) => {}
                None if !*was_told => {
                    *was_told = true;
                    life.over.notify_one();
                    timer.as_mut().reset(Instant::now() + FAREWELL);
                }
                None => {}
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match life.due() {
                None if *was_told => return Poll::Ready(()),
                None => {}
                Some(due) => timer.as_mut().reset(due),
            }
        }
    }
}

impl AsyncRead for Attended {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.wire).poll_read(cx, into) {
            Poll::Ready(read) => {
                this.life.got_bytes();
                Poll::Ready(read)
            }
            // The end of the stream, for its reader.
            Poll::Pending => this.poll_end(cx).map(Ok),
        }
    }
}

impl AsyncWrite for Attended {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;

    const HEAD: Duration = Duration::from_millis(200);
    const IDLE: Duration = Duration::from_millis(400);

    fn attended() -> (Arc<Life>, Attended, DuplexStream) {
        let limits = Limits { request_head: HEAD, idle: IDLE, ..Limits::default() };
        let (client, server) = duplex(64);
        let life = Arc::new(Life::new(false, &limits));
        let wire = Wire::new(Box::new(server), Bytes::new(), limits.write);
        (Arc::clone(&life), Attended::new(wire, life), client)
    }

    /// After how long the connection is told to finish, while `client` does what it does.
    async fn told_after(life: &Life, mut wire: Attended, client: impl Future<Output = ()>) -> u128 {
        let begun = Instant::now();
        let mut read = Vec::new();
        tokio::select! {
            () = life.over() => {}
            _ = wire.read_to_end(&mut read) => panic!("ended before it was told"),
            () = async { client.await; std::future::pending().await } => {}
        }
        begun.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_has_no_more_time_than_one_that_does_not_come() {
        let (life, wire, mut client) = attended();
        let drip = async {
            while client.write_all(b"x").await.is_ok() {
                sleep(HEAD / 4).await;
            }
        };
        let told = told_after(&life, wire, drip).await;
        assert!((200..=202).contains(&told), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_gives_the_connection_its_time_anew() {
        let (life, wire, _client) = attended();
        let requests = async {
            for _ in 0..4 {
                let busy = life.request();
                // Longer than the connection may be idle.
                sleep(IDLE * 2).await;
                drop(busy);
                sleep(IDLE * 3 / 4).await;
            }
        };
        let told = told_after(&life, wire, requests).await;
        // Four times 1,100 ms, of which the last 300 ms were idle.
        assert!((4_500..=4_502).contains(&told), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_finish_when_told_is_at_its_end() {
        let (_life, mut wire, _client) = attended();
        let begun = Instant::now();
        assert_eq!(wire.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert!(begun.elapsed() >= HEAD + FAREWELL, "{:?}", begun.elapsed());
    }
}
