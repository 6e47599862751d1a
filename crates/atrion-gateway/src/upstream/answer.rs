// SPDX-License-Identifier: Apache-2.0
//! The body of a response on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pool::Lease;
use super::sending::Progress;
use crate::wire::Patience;

/// Gives the service a bounded time for each piece, and its connection back at the end.
pub(crate) struct AnswerBody {
    body: Incoming,
    limit: Duration,
    patience: Patience,
    lease: Option<Lease>,
    request: Arc<Progress>,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the service makes no further piece of its answer (timeout response_body)")]
    Late,
    #[error("the answer of the service broke off")]
    Broken(#[from] hyper::Error),
}

impl AnswerBody {
    pub(crate) fn new(body: Incoming, limit: Duration, lease: Option<Lease>, request: Arc<Progress>) -> Self {
        let mut answer = Self { body, limit, patience: Patience::default(), lease, request };
        answer.look();
        answer
    }

    /// Gives the connection back if nothing more comes over it.
    fn look(&mut self) {
        if self.lease.is_some() && self.body.is_end_stream() {
            self.over();
        }
    }

    fn over(&mut self) {
        if let Some(lease) = self.lease.take()
            && self.request.is_over()
        {
            lease.give_back();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            return match this.patience.poll(cx, this.limit) {
                Poll::Ready(()) => Poll::Ready(Some(Err(AnswerError::Late))),
                Poll::Pending => Poll::Pending,
            };
        };
        this.patience.again();
        match &frame {
            None => this.over(),
            Some(Ok(_)) => this.look(),
            Some(Err(_)) => this.lease = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(AnswerError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
