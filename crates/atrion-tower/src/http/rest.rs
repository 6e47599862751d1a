// SPDX-License-Identifier: Apache-2.0
//! What is left of a refused request: its body, read off so that the client hears the answer.
//!
//! A server that answers and closes while its client still writes is not heard: what has come and
//! was not read makes the machine break the connection off, and the client's machine then drops the
//! answer, too. So the body is read and dropped, to a bound in bytes and in time. A short one is
//! read before the answer; beside a longer one the answer goes out at once, so that a client that
//! listens can stop.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf as _;
use http::header::EXPECT;
use http::{Method, Request, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How much of a refused request is read, in bytes.
const MOST: u64 = 64 << 20;
/// For how long.
const LONGEST: Duration = Duration::from_secs(30);
/// What a client has sent when its request arrives, or can send without waiting for the server.
const SHORT: u64 = 64 << 10;

pin_project! {
    /// Reads a body to its end, or to a bound.
    #[derive(Debug)]
    pub struct Rest<B> {
        #[pin]
        body: B,
        left: u64,
    }
}

impl<B: Body + Send + 'static> Rest<B> {
    /// What is to be read before the request is answered. What may be read beside the answer is
    /// read by a task.
    pub(super) fn of(request: Request<B>) -> Option<Self> {
        if !is_to_be_read(&request) {
            return None;
        }
        let body = request.into_body();
        let is_short = body.size_hint().upper().is_some_and(|size| size <= SHORT);
        let rest = Self { body, left: MOST };
        match Handle::try_current() {
            Ok(runtime) if !is_short => {
                // A runtime without timers ends this task at once: `Builder::connect` refuses one.
                runtime.spawn(async { timeout(LONGEST, rest).await });
                None
            }
            _ => Some(rest),
        }
    }
}

/// Of an HTTP/2 stream the client hears the answer while it sends. A client that asks first sends
/// nothing, and reading would tell it to.
fn is_to_be_read<B: Body>(request: &Request<B>) -> bool {
    request.version() <= Version::HTTP_11
        && request.method() != Method::CONNECT
        && !request.headers().contains_key(EXPECT)
        && !request.body().is_end_stream()
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
