// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The browsers that watch, and what they are sent: server-sent events with ids, and a bounded ring
//! of the latest, from which a browser that comes back gets what it missed.
//!
//! A message is written once and shared by all. Each browser has a short queue. A browser whose
//! queue is full is dropped and never waited for: it connects again when it can, and goes on from
//! the ring or from the whole state.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use atrion_state::lock;
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Hub {
    /// Differs from one life of the server to the next, so that an old id means nothing in a new
    /// life.
    epoch: String,
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The number of the latest message.
    latest: u64,
    ring: VecDeque<(u64, Bytes)>,
    ring_bytes: usize,
    clients: Vec<mpsc::Sender<Bytes>>,
    dropped: u64,
    /// A browser has been told an id, and may come back with it.
    is_expected: bool,
    left_at: Instant,
}

/// Bounds of the ring: a little more than a minute of a busy service.
const RING_MESSAGES: usize = 256;
const RING_BYTES: usize = 4 * 1024 * 1024;
/// Messages that a browser may be behind: about half a minute.
const QUEUE: usize = 32;
/// How long the ring is kept after the last browser has left.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// More browsers than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Hub {
    pub(crate) fn new(epoch: String, limit: usize) -> Self {
        let inner = Inner {
            latest: 0,
            ring: VecDeque::new(),
            ring_bytes: 0,
            clients: Vec::new(),
            dropped: 0,
            is_expected: false,
            left_at: Instant::now(),
        };
        Self { epoch, limit, inner: Mutex::new(inner) }
    }

    /// Whether a browser watches, or has just been cut off and may come back.
    pub(crate) fn is_watched(&self) -> bool {
        let mut inner = self.lock();
        inner.clients.retain(|client| !client.is_closed());
        if !inner.clients.is_empty() {
            inner.left_at = Instant::now();
            return true;
        }
        if inner.is_expected && inner.left_at.elapsed() < KEPT_FOR {
            return true;
        }
        if inner.is_expected {
            inner.is_expected = false;
            inner.ring.clear();
            inner.ring_bytes = 0;
            // From now on nothing is kept, so that a stream cannot go on from an id of before.
            inner.latest += 1;
        }
        false
    }

    /// How many browsers watch.
    pub(crate) fn clients(&self) -> usize {
        self.lock().clients.iter().filter(|client| !client.is_closed()).count()
    }

    /// How many were dropped because they were too slow.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Sends a message to all browsers. `data` is JSON on one line.
    pub(crate) fn publish(&self, event: &str, data: &str) {
        let mut inner = self.lock();
        inner.latest += 1;
        let number = inner.latest;
        let message = self.written(number, event, data);
        inner.ring_bytes += message.len();
        inner.ring.push_back((number, message.clone()));
        while inner.ring.len() > RING_MESSAGES || inner.ring_bytes > RING_BYTES {
            let Some((_, oldest)) = inner.ring.pop_front() else { break };
            inner.ring_bytes -= oldest.len();
        }
        let mut dropped = 0;
        inner.clients.retain(|client| match client.try_send(message.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                dropped += 1;
                false
            }
        });
        inner.dropped += dropped;
    }

    /// Adds a browser that has seen everything up to the message with the id `last`. What it missed
    /// comes from the ring, if that reaches back far enough; otherwise it gets `state`, the whole
    /// state of now.
    ///
    /// `state` is called with the hub locked, so it may take the model's lock, and a caller of the
    /// hub must not hold that one.
    pub(crate) fn subscribe(
        &self,
        last: Option<&str>,
        state: impl FnOnce() -> String,
    ) -> Result<EventStream, TooMany> {
        let mut inner = self.lock();
        inner.clients.retain(|client| !client.is_closed());
        if inner.clients.len() >= self.limit {
            return Err(TooMany);
        }
        // Under the lock, so that no message falls between the state and the first one in the
        // queue.
        let missed = last.and_then(|last| self.number_of(last)).and_then(|seen| inner.after(seen));
        let mut backlog = missed.unwrap_or_else(|| [self.written(inner.latest, "state", &state())].into());
        backlog.push_front(Bytes::from_static(b"retry: 1000\n\n"));
        let (sender, messages) = mpsc::channel(QUEUE);
        inner.clients.push(sender);
        inner.is_expected = true;
        inner.left_at = Instant::now();
        Ok(EventStream { backlog, messages })
    }

    /// Ends every stream.
    pub(crate) fn close(&self) {
        self.lock().clients.clear();
    }

    fn number_of(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        if epoch == self.epoch { number.parse().ok() } else { None }
    }

    fn written(&self, number: u64, event: &str, data: &str) -> Bytes {
        Bytes::from(format!("id: {}-{number}\nevent: {event}\ndata: {data}\n\n", self.epoch))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    /// The messages after `seen`; `None` if the ring does not reach back that far, or no message
    /// had that number.
    fn after(&self, seen: u64) -> Option<VecDeque<Bytes>> {
        let oldest = self.ring.front().map_or(self.latest + 1, |(number, _)| *number);
        if seen > self.latest || seen + 1 < oldest {
            return None;
        }
        Some(
            self.ring
                .iter()
                .filter(|(number, _)| *number > seen)
                .map(|(_, message)| message.clone())
                .collect(),
        )
    }
}

/// The body of a response that lasts as long as the browser keeps up.
#[derive(Debug)]
pub(crate) struct EventStream {
    backlog: VecDeque<Bytes>,
    messages: mpsc::Receiver<Bytes>,
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.backlog.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.messages.poll_recv(cx).map(|message| message.map(|message| Ok(Frame::data(message))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn next(stream: &mut EventStream) -> Option<String> {
        let frame = poll_fn(|cx| Pin::new(&mut *stream).poll_frame(cx)).await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    fn hub() -> Hub {
        Hub::new("e".to_owned(), 2)
    }

    #[tokio::test]
    async fn a_newcomer_gets_the_state_and_then_what_comes() {
        let hub = hub();
        hub.publish("frame", "1");
        let mut stream = hub.subscribe(None, || "whole".to_owned()).unwrap();
        hub.publish("frame", "2");
        assert_eq!(next(&mut stream).await.unwrap(), "retry: 1000\n\n");
        assert_eq!(next(&mut stream).await.unwrap(), "id: e-1\nevent: state\ndata: whole\n\n");
        assert_eq!(next(&mut stream).await.unwrap(), "id: e-2\nevent: frame\ndata: 2\n\n");
    }

    #[tokio::test]
    async fn a_browser_that_comes_back_gets_what_it_missed_and_no_more() {
        let hub = hub();
        (1..=5).for_each(|n| hub.publish("frame", &n.to_string()));
        let mut stream = hub.subscribe(Some("e-3"), || unreachable!()).unwrap();
        hub.publish("frame", "6");
        let _retry = next(&mut stream).await;
        for n in 4..=6 {
            assert!(next(&mut stream).await.unwrap().ends_with(&format!("data: {n}\n\n")));
        }
    }

    #[tokio::test]
    async fn an_id_that_means_nothing_here_gets_the_state() {
        let hub = hub();
        (0..1_000).for_each(|n| hub.publish("frame", &n.to_string()));
        for id in ["other-3", "e-3", "e-99999", "e-", "-", "", "e-x", "e-18446744073709551615"] {
            let mut stream = hub.subscribe(Some(id), || "whole".to_owned()).unwrap();
            let _retry = next(&mut stream).await;
            assert!(next(&mut stream).await.unwrap().contains("event: state"), "{id}");
        }
    }

    #[tokio::test]
    async fn a_browser_that_does_not_read_is_dropped_and_holds_up_no_other() {
        let hub = hub();
        let mut stuck = hub.subscribe(None, String::new).unwrap();
        let mut reader = hub.subscribe(None, String::new).unwrap();
        assert_eq!(hub.subscribe(None, String::new).unwrap_err(), TooMany);
        next(&mut reader).await.unwrap();
        next(&mut reader).await.unwrap();
        for n in 0..QUEUE + 10 {
            hub.publish("frame", &n.to_string());
            assert!(next(&mut reader).await.unwrap().ends_with(&format!("data: {n}\n\n")));
        }
        assert_eq!((hub.clients(), hub.dropped()), (1, 1));
        // What it had been sent is still there for it to read; then it ends.
        let mut read = 0;
        while next(&mut stuck).await.is_some() {
            read += 1;
        }
        assert_eq!(read, 2 + QUEUE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_cut_off_before_the_first_message_misses_nothing() {
        let hub = hub();
        drop(hub.subscribe(None, String::new).unwrap());
        assert!(hub.is_watched(), "it has been told the id e-0 and may come back");
        hub.publish("frame", "1");
        let mut stream = hub.subscribe(Some("e-0"), || unreachable!()).unwrap();
        let _retry = next(&mut stream).await;
        assert!(next(&mut stream).await.unwrap().ends_with("data: 1\n\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_ring_is_bounded_and_given_up_a_minute_after_the_last_browser() {
        let hub = hub();
        assert!(!hub.is_watched());
        let stream = hub.subscribe(None, String::new).unwrap();
        let large = "x".repeat(RING_BYTES / 8);
        (0..20).for_each(|_| hub.publish("frame", &large));
        assert!(hub.lock().ring_bytes <= RING_BYTES && hub.lock().ring.len() < 9);
        drop(stream);
        assert!(hub.is_watched());
        tokio::time::advance(KEPT_FOR).await;
        assert!(!hub.is_watched() && hub.lock().ring.is_empty());
        let mut late = hub.subscribe(Some("e-20"), || "whole".to_owned()).unwrap();
        let _retry = next(&mut late).await;
        assert!(next(&mut late).await.unwrap().contains("event: state"), "what was not kept is missing");
    }
}
