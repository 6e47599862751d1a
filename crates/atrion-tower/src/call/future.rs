// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_engine::OwnedPermit;
use pin_project_lite::pin_project;

use super::BoxError;
use super::error::Refused;
use super::rules::CallRules;
use crate::panics::failing_on_panic;

pin_project! {
    /// The future of a [`CallService`](super::CallService).
    ///
    /// Dropped before it is ready, its call counts as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F, R, Request> {
        #[pin]
        state: State<F, R>,
        request: PhantomData<fn(Request)>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, R> {
        Called { #[pin] future: F, permit: Option<OwnedPermit>, rules: Arc<R> },
        Refused { error: Option<Refused> },
    }
}

impl<F, R, Request> CallFuture<F, R, Request> {
    pub(crate) fn called(future: F, permit: Option<OwnedPermit>, rules: Arc<R>) -> Self {
        Self { state: State::Called { future, permit, rules }, request: PhantomData }
    }

    pub(crate) fn refused(error: Refused) -> Self {
        Self { state: State::Refused { error: Some(error) }, request: PhantomData }
    }
}

impl<F, R, Request, T, E> Future for CallFuture<F, R, Request>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    R: CallRules<Request, T, E>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Called { future, permit, rules } => {
                let result = ready!(failing_on_panic(permit, || future.poll(cx)));
                if let Some(permit) = permit.take() {
                    permit.finish(rules.outcome(result.as_ref()));
                }
                Poll::Ready(result.map_err(Into::into))
            }
            Projected::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error.into())),
                None => Poll::Pending,
            },
        }
    }
}

impl<F, R, Request> fmt::Debug for CallFuture<F, R, Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallFuture")
    }
}
