// SPDX-License-Identifier: Apache-2.0
//! The service behind Envoy, as far as it is seen here: what the admission layer is put before.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use atrion::tower::RequestBody;
use atrion_state::lock;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::Empty;
use tokio::sync::oneshot;
use tower_service::Service;

use crate::upstream::{ForwardError, Stage};

/// Takes a request that was admitted, and answers when Envoy says what the service has answered.
#[derive(Clone)]
pub(crate) struct Behind;

/// The other end of one exchange, in the extensions of its request.
#[derive(Clone)]
pub(crate) struct Link(Arc<Mutex<Option<Ends>>>);

struct Ends {
    admitted: oneshot::Sender<()>,
    answer: oneshot::Receiver<Response<Rest>>,
}

/// What is left of a response after its head: trailers, if Envoy tells them.
pub(crate) struct Rest(Option<oneshot::Receiver<HeaderMap>>);

impl Rest {
    /// Nothing follows the head.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// What follows comes from the other end; if that is gone, nothing has come.
    pub(super) fn of(trailers: oneshot::Receiver<HeaderMap>) -> Self {
        Self(Some(trailers))
    }
}

impl Link {
    pub(super) fn new(admitted: oneshot::Sender<()>, answer: oneshot::Receiver<Response<Rest>>) -> Self {
        Self(Arc::new(Mutex::new(Some(Ends { admitted, answer }))))
    }

    /// The first call takes them: an exchange is served once.
    fn take(&self) -> Option<Ends> {
        lock(&self.0).take()
    }
}

impl Service<Request<RequestBody<Empty<Bytes>>>> for Behind {
    type Response = Response<Rest>;
    type Error = ForwardError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Rest>, ForwardError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ForwardError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Empty<Bytes>>>) -> Self::Future {
        let ends = request.extensions().get::<Link>().and_then(Link::take);
        Box::pin(async move {
            let gone = |_| ForwardError::failed(Stage::ResponseHead, "the stream of the processor has ended");
            let Some(Ends { admitted, answer }) = ends else {
                return Err(ForwardError::failed(Stage::ResponseHead, "no exchange"));
            };
            // If nobody waits for it, the exchange is over.
            let _ = admitted.send(());
            answer.await.map_err(gone)
        })
    }
}

impl Body for Rest {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(trailers) = &mut self.0 else { return Poll::Ready(None) };
        let trailers = std::task::ready!(Pin::new(trailers).poll(cx));
        self.0 = None;
        Poll::Ready(trailers.ok().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}
