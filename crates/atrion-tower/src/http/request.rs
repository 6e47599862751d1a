// SPDX-License-Identifier: Apache-2.0
//! The body of a request: watched for whether its client lets the handler wait for it, and read off
//! where the request is refused.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use atrion_engine::{OwnedPermit, RequestWait};
use bytes::Buf as _;
use http::header::EXPECT;
use http::{Method, Request, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Whether a layer looks into the bodies of requests: [`Watched`] or [`Unwatched`]. There are no
/// others: what is hidden here changes without notice.
pub trait Intake<B> {
    /// The body that the inner service gets.
    type Body;

    /// What is left of the request of a refused call.
    #[doc(hidden)]
    type Rest: Future<Output = ()>;

    #[doc(hidden)]
    fn admitted(request: Request<B>, permit: OwnedPermit) -> (Request<Self::Body>, OwnedPermit);

    #[doc(hidden)]
    fn unguarded(request: Request<B>) -> Request<Self::Body>;

    #[doc(hidden)]
    fn refused(request: Request<B>) -> Option<Self::Rest>;
}

/// For servers: while the handler waits for the client to send more of the request's body, the
/// request is no load. The inner service gets the body as a [`RequestBody`].
///
/// Of a refused HTTP/1 request up to 1 MiB is read off before the answer, because a server that
/// answers and closes while its client still writes is not heard.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Watched;

/// For clients, and for inner services that want one certain type of body: the request is passed on
/// as it is, and waiting for its body counts as load.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Unwatched;

impl<B: Body> Intake<B> for Watched {
    type Body = RequestBody<B>;
    type Rest = Rest<B>;

    fn admitted(request: Request<B>, permit: OwnedPermit) -> (Request<RequestBody<B>>, OwnedPermit) {
        // Most requests have no body, and there is nothing to wait for.
        if request.body().is_end_stream() {
            return (Self::unguarded(request), permit);
        }
        let (permit, wait) = permit.watch_request();
        (request.map(|body| RequestBody { body, wait: Some(wait) }), permit)
    }

    fn unguarded(request: Request<B>) -> Request<RequestBody<B>> {
        request.map(|body| RequestBody { body, wait: None })
    }

    fn refused(request: Request<B>) -> Option<Rest<B>> {
        // Of an HTTP/2 stream the client hears the answer while it sends. A client that asks first
        // sends nothing, and reading would tell it to.
        let is_read = request.version() <= Version::HTTP_11
            && request.method() != Method::CONNECT
            && !request.headers().contains_key(EXPECT)
            && !request.body().is_end_stream()
            && request.body().size_hint().lower() <= MOST_READ;
        is_read.then(|| Rest { body: request.into_body(), left: MOST_READ })
    }
}

/// How much of a refused request is read, in bytes: what a client has sent before it can know.
const MOST_READ: u64 = 1 << 20;

impl<B> Intake<B> for Unwatched {
    type Body = B;
    type Rest = std::future::Ready<()>;

    fn admitted(request: Request<B>, permit: OwnedPermit) -> (Request<B>, OwnedPermit) {
        (request, permit)
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

pin_project! {
    /// Reads the rest of a refused request, to a bound.
    #[derive(Debug)]
    pub struct Rest<B> {
        #[pin]
        body: B,
        left: u64,
    }
}

impl<B: Body> Future for Rest<B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        while let Some(Ok(frame)) = ready!(this.body.as_mut().poll_frame(cx)) {
            let size = frame.data_ref().map_or(0, |data| data.remaining() as u64);
            match this.left.checked_sub(size) {
                Some(left) => *this.left = left,
                None => break,
            }
        }
        Poll::Ready(())
    }
}
