// SPDX-License-Identifier: Apache-2.0
//! The body of a request on its way to the service.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use atrion::tower::RequestBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, sleep};

use super::error::{ForwardError, Stage};
use crate::wire::Patience;

/// How far the body of a request is: whom the answer waits for. Relaxed throughout: each value
/// stands for itself, and a look that is a little late makes a timeout a little late.
pub(crate) struct Progress {
    begun: Instant,
    /// Milliseconds after `begun` at which the service took the latest piece.
    latest: AtomicU64,
    waits_for_client: AtomicBool,
    is_over: AtomicBool,
}

impl Progress {
    pub(crate) fn new(body: &impl Body) -> Self {
        Self {
            begun: Instant::now(),
            latest: AtomicU64::new(0),
            waits_for_client: AtomicBool::new(false),
            is_over: AtomicBool::new(body.is_end_stream()),
        }
    }

    fn moves(&self) {
        let after = self.begun.elapsed().as_millis();
        self.latest.store(u64::try_from(after).unwrap_or(u64::MAX), Relaxed);
        self.waits_for_client.store(false, Relaxed);
    }

    /// Whether the whole body is out.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Waits for the head of the answer, as long as the request goes on or the service may still
    /// think.
    pub(crate) async fn bounded<T>(
        &self,
        limit: Duration,
        sent: impl Future<Output = T>,
    ) -> Result<T, ForwardError> {
        self.moves();
        let mut sent = std::pin::pin!(sent);
        let mut timer = std::pin::pin!(sleep(limit));
        loop {
            tokio::select! {
                biased;
                answer = &mut sent => return Ok(answer),
                () = &mut timer => match self.due(limit) {
                    Some(later) => timer.as_mut().reset(later),
                    None => return Err(ForwardError::timed_out(Stage::ResponseHead)),
                },
            }
        }
    }

    /// When to look again whether the answer is late; `None`: it is.
    fn due(&self, limit: Duration) -> Option<Instant> {
        let now = Instant::now();
        if !self.is_over() && self.waits_for_client.load(Relaxed) {
            // The body has a limit of its own for that.
            return Some(now + limit);
        }
        let due = self.begun + Duration::from_millis(self.latest.load(Relaxed)) + limit;
        (due > now).then_some(due)
    }
}

pin_project! {
    /// Gives the client a bounded time for each piece.
    pub(crate) struct SendBody {
        #[pin]
        body: Option<RequestBody<Incoming>>,
        progress: Arc<Progress>,
        limit: Duration,
        patience: Patience,
    }
}

impl SendBody {
    pub(crate) fn new(body: RequestBody<Incoming>, progress: Arc<Progress>, limit: Duration) -> Self {
        Self { body: Some(body), progress, limit, patience: Patience::default() }
    }

    /// The body of a request that has none.
    pub(crate) fn empty() -> Self {
        let progress = Arc::new(Progress::new(&http_body_util::Empty::<Bytes>::new()));
        Self { body: None, progress, limit: Duration::MAX, patience: Patience::default() }
    }
}

impl Body for SendBody {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        let this = self.project();
        let Some(mut body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else {
            this.progress.waits_for_client.store(true, Relaxed);
            return match this.patience.poll(cx, *this.limit) {
                Poll::Ready(()) => Poll::Ready(Some(Err(ForwardError::timed_out(Stage::RequestBody)))),
                Poll::Pending => Poll::Pending,
            };
        };
        this.patience.again();
        this.progress.moves();
        if frame.is_none() || body.is_end_stream() {
            this.progress.is_over.store(true, Relaxed);
        }
        let broken = |error| ForwardError::failed(Stage::RequestBody, error);
        Poll::Ready(frame.map(|frame| frame.map_err(broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
