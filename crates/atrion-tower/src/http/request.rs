// SPDX-License-Identifier: Apache-2.0
//! The body of a request: watched for whether its client lets the handler wait for it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use atrion_engine::{OwnedPermit, RequestWait};
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::rest::Rest;

/// Whether a layer looks into the bodies of requests: [`Watched`] or [`Unwatched`]. There are no
/// others: what is hidden here changes without notice.
pub trait Intake<B> {
    /// The body that the inner service gets.
    type Body;

    /// What is to be read of a refused request before it is answered.
    #[doc(hidden)]
    type Rest: Future<Output = ()>;

    /// The permit stays in its place: it is large to move.
    #[doc(hidden)]
    fn admitted(request: Request<B>, permit: &mut Option<OwnedPermit>) -> Request<Self::Body>;

    #[doc(hidden)]
    fn unguarded(request: Request<B>) -> Request<Self::Body>;

    #[doc(hidden)]
    fn refused(request: Request<B>) -> Option<Self::Rest>;
}

/// For servers: while the handler waits for the client to send more of the request's body, the
/// request is no load. The inner service gets the body as a [`RequestBody`].
///
/// The rest of a refused HTTP/1 request is read off, because a server that answers and closes while
/// its client still writes is not heard: 64 MiB at most, for 30 s at most. Above 64 KiB the answer
/// goes out at once, and the rest is read by a task beside it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Watched;

/// For clients, and for inner services that want one certain type of body: the request is passed on
/// as it is, and waiting for its body counts as load. Nothing is read of a refused request.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Unwatched;

impl<B: Body + Send + 'static> Intake<B> for Watched {
    type Body = RequestBody<B>;
    type Rest = Rest<B>;

    #[inline]
    fn admitted(request: Request<B>, permit: &mut Option<OwnedPermit>) -> Request<RequestBody<B>> {
        // Most requests have no body, and there is nothing to wait for.
        if request.body().is_end_stream() {
            return Self::unguarded(request);
        }
        let wait = permit.take().map(|whole| {
            let (shared, wait) = whole.watch_request();
            *permit = Some(shared);
            wait
        });
        request.map(|body| RequestBody { body, wait })
    }

    fn unguarded(request: Request<B>) -> Request<RequestBody<B>> {
        request.map(|body| RequestBody { body, wait: None })
    }

    fn refused(request: Request<B>) -> Option<Rest<B>> {
        Rest::of(request)
    }
}

impl<B> Intake<B> for Unwatched {
    type Body = B;
    type Rest = std::future::Ready<()>;

    #[inline]
    fn admitted(request: Request<B>, _: &mut Option<OwnedPermit>) -> Request<B> {
        request
    }

    fn unguarded(request: Request<B>) -> Request<B> {
        request
    }

    fn refused(_: Request<B>) -> Option<Self::Rest> {
        None
    }
}

pin_project! {
    /// The body of a request that an [`AdmissionService`](super::AdmissionService) has admitted.
    ///
    /// Where it has nothing to give yet, its request waits for its client and is no load: a client
    /// that dawdles over an upload takes no place from others.
    ///
    /// The compiler's "expected `Request<RequestBody<_>>`, found `Request<_>`" means that the inner
    /// service takes one certain body and has to take another. One of these mends it:
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use atrion_engine::Atrion;
    /// # use atrion_tower::{AdmissionLayer, RequestBody};
    /// # use bytes::Bytes;
    /// # use http::{Request, Response};
    /// # use http_body_util::{Empty, Full};
    /// # use tower::{Layer, Service, service_fn};
    /// # type Incoming = Empty<Bytes>; // as hyper's
    /// # type Answer = Result<Response<Full<Bytes>>, Infallible>;
    /// # fn serve(_: impl Service<Request<Incoming>>) {}
    /// // The handler takes the body that it gets.
    /// async fn watched(request: Request<RequestBody<Incoming>>) -> Answer {
    ///     # drop(request);
    ///     Ok(Response::new(Full::from("read")))
    /// }
    ///
    /// // The handler takes any body.
    /// async fn any<B: http_body::Body>(request: Request<B>) -> Answer {
    ///     # drop(request);
    ///     Ok(Response::new(Full::from("read")))
    /// }
    ///
    /// // The handler stays as it is: it gets the body without the watch, or the layer has none.
    /// async fn certain(request: Request<Incoming>) -> Answer {
    ///     # drop(request);
    ///     Ok(Response::new(Full::from("read")))
    /// }
    ///
    /// # fn mends(atrion: Atrion) {
    /// let layer = AdmissionLayer::new(atrion);
    /// serve(layer.layer(service_fn(watched)));
    /// serve(layer.layer(service_fn(any)));
    /// serve(layer.layer(service_fn(|request: Request<RequestBody<Incoming>>| {
    ///     certain(request.map(RequestBody::into_inner))
    /// })));
    /// serve(layer.unwatched().layer(service_fn(certain)));
    /// # }
    /// ```
    pub struct RequestBody<B> {
        #[pin]
        body: B,
        wait: Option<RequestWait>,
    }
}

impl<B> RequestBody<B> {
    /// The body itself. What is read from it is not watched.
    pub fn into_inner(self) -> B {
        self.body
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let polled = this.body.poll_frame(cx);
        match &polled {
            Poll::Pending => {
                if let Some(wait) = this.wait {
                    wait.wait();
                }
            }
            Poll::Ready(Some(Ok(_)) | None) => {
                if let Some(wait) = this.wait {
                    wait.go_on();
                }
            }
            // The client has broken off while it was waited for.
            Poll::Ready(Some(Err(_))) => *this.wait = None,
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Default> Default for RequestBody<B> {
    fn default() -> Self {
        Self { body: B::default(), wait: None }
    }
}

impl<B: fmt::Debug> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestBody").field(&self.body).finish()
    }
}
