// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A body that ends when something else does, even in the middle of its data.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame};

pub(super) struct Until<B> {
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// `None` after the end: its source is dropped at once.
    body: Option<B>,
}

impl<B> Until<B> {
    pub(super) fn new(end: impl Future<Output = ()> + Send + 'static, body: B) -> Self {
        Self { end: Box::pin(end), body: Some(body) }
    }
}

impl<B: Body + Unpin> Body for Until<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if self.body.is_some() && self.end.as_mut().poll(cx).is_ready() {
            self.body = None;
        }
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }
}
