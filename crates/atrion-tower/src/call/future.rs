// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_engine::OwnedPermit;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::error::{GuardedError, Refused};
use super::rules::CallRules;
use crate::panics::failing_on_panic;
use crate::ready::Calling;

pin_project! {
    /// The future of a [`CallService`](super::CallService).
    ///
    /// Dropped before it is ready, its call counts as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<S, R, Request>
    where
        S: Service<Request>,
    {
        #[pin]
        state: State<S, R, Request>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, R, Request>
    where
        S: Service<Request>,
    {
        Called { #[pin] call: Calling<S, Request>, permit: Option<OwnedPermit>, rules: Arc<R> },
        Refused { refused: Option<Refused> },
    }
}

impl<S, R, Request> CallFuture<S, R, Request>
where
    S: Service<Request> + Clone,
{
    pub(crate) fn admitted(inner: &mut S, request: Request, permit: OwnedPermit, rules: Arc<R>) -> Self {
        let mut permit = Some(permit);
        let call = failing_on_panic(&mut permit, || Calling::new(inner, request));
        Self { state: State::Called { call, permit, rules } }
    }

    pub(crate) fn refused(refused: Refused) -> Self {
        Self { state: State::Refused { refused: Some(refused) } }
    }
}

impl<S, R, Request> Future for CallFuture<S, R, Request>
where
    S: Service<Request>,
    R: CallRules<Request, S::Response, S::Error>,
{
    type Output = Result<S::Response, GuardedError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Called { call, permit, rules } => {
                let result = ready!(failing_on_panic(permit, || call.poll(cx)));
                if let Some(permit) = permit.take() {
                    permit.finish(rules.outcome(result.as_ref()));
                }
                Poll::Ready(result.map_err(GuardedError::Callee))
            }
            Projected::Refused { refused } => match refused.take() {
                Some(refused) => Poll::Ready(Err(GuardedError::Refused(refused))),
                None => Poll::Pending,
            },
        }
    }
}

impl<S, R, Request> fmt::Debug for CallFuture<S, R, Request>
where
    S: Service<Request>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallFuture")
    }
}
