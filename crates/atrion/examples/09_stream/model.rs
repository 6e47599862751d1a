// SPDX-License-Identifier: Apache-2.0
//! A server like one of a language model: a batch with so many places, a queue before it, and
//! answers that come token by token, the slower the fuller the batch is.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// How long an empty batch takes for a token, and how much longer for each request in it.
const STEP: Duration = Duration::from_millis(2);
const EACH: Duration = Duration::from_micros(500);

#[derive(Clone)]
pub(crate) struct Model {
    batch: Arc<Semaphore>,
    places: usize,
    made: Arc<AtomicUsize>,
}

impl Model {
    pub(crate) fn new(places: usize) -> Self {
        Self { batch: Arc::new(Semaphore::new(places)), places, made: Arc::default() }
    }

    /// Tokens that it has made.
    pub(crate) fn made(&self) -> usize {
        self.made.load(Relaxed)
    }

    /// Requests in its batch.
    pub(crate) fn running(&self) -> usize {
        self.places - self.batch.available_permits()
    }

    /// `GET /completions?tokens=20`.
    pub(crate) fn app(&self) -> Router {
        let model = self.clone();
        let answer = async move |uri: Uri| {
            let asked = uri.query().and_then(|query| query.strip_prefix("tokens=")?.parse().ok());
            let (send, made) = mpsc::channel(1);
            tokio::spawn(model.write(asked.unwrap_or(1), send));
            ([(CONTENT_TYPE, "text/event-stream")], Body::new(Events(made)))
        };
        Router::new().route("/completions", get(answer))
    }

    /// Waits for a place, and writes until it is done or nobody reads any more.
    async fn write(self, tokens: usize, send: mpsc::Sender<Bytes>) {
        let place: Option<OwnedSemaphorePermit> = tokio::select! {
            place = Arc::clone(&self.batch).acquire_owned() => place.ok(),
            () = send.closed() => None,
        };
        for token in 0..tokens {
            let running = u32::try_from(self.running()).unwrap_or(u32::MAX);
            tokio::time::sleep(STEP + EACH * running).await;
            if place.is_none() || send.send(format!("data: {token}\n\n").into()).await.is_err() {
                return;
            }
            self.made.fetch_add(1, Relaxed);
        }
    }
}

/// Events as they are made. Dropped with the connection, and the model hears of it.
struct Events(mpsc::Receiver<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
