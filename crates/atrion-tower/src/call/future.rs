// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_engine::{AcquireOwned, OwnedPermit, Route, Shed};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::error::{GuardedError, Refused};
use super::rules::CallRules;
use crate::panics::Unwinding;
use crate::ready::Calling;
use crate::trace;

pin_project! {
    /// The future of a [`CallService`](super::CallService).
    ///
    /// Dropped before it is ready, its call counts as cancelled; while it waits to be admitted, as
    /// nothing.
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
        /// To be admitted.
        Waiting {
            acquire: AcquireOwned,
            service: S,
            request: Option<Request>,
            route: Route,
            rules: Arc<R>,
        },
        Called { #[pin] call: Calling<S, Request>, permit: Option<OwnedPermit>, rules: Arc<R> },
        Refused { refused: Option<Refused> },
    }
}

impl<S, R, Request> CallFuture<S, R, Request>
where
    S: Service<Request> + Clone,
{
    /// A call that the gates have let in.
    #[inline(always)]
    pub(crate) fn admitted(inner: &mut S, request: Request, permit: OwnedPermit, rules: &Arc<R>) -> Self {
        Self { state: State::admitted(inner, request, permit, rules) }
    }

    /// A call that a gate has refused.
    pub(crate) fn refused(route: &Route, shed: Shed) -> Self {
        Self { state: State::refused(route, shed) }
    }

    /// A call that waits to be admitted.
    pub(crate) fn waiting(
        inner: &S,
        request: Request,
        route: Route,
        acquire: AcquireOwned,
        rules: &Arc<R>,
    ) -> Self {
        let (service, request, rules) = (inner.clone(), Some(request), Arc::clone(rules));
        Self { state: State::Waiting { acquire, service, request, route, rules } }
    }
}

impl<S, R, Request> State<S, R, Request>
where
    S: Service<Request> + Clone,
{
    #[inline(always)]
    fn admitted(inner: &mut S, request: Request, permit: OwnedPermit, rules: &Arc<R>) -> Self {
        let mut permit = Some(permit);
        let unwinding = Unwinding::with(&mut permit);
        let call = Calling::new(inner, request);
        unwinding.over();
        Self::Called { call, permit, rules: Arc::clone(rules) }
    }

    #[cold]
    fn refused(route: &Route, shed: Shed) -> Self {
        trace::mark(route, &shed);
        Self::Refused { refused: Some(Refused::new(route, shed)) }
    }
}

impl<S, R, Request> Future for CallFuture<S, R, Request>
where
    S: Service<Request> + Clone,
    R: CallRules<Request, S::Response, S::Error>,
{
    type Output = Result<S::Response, GuardedError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if let Projected::Waiting { acquire, service, request, route, rules } = state.as_mut().project() {
            let decision = ready!(Pin::new(acquire).poll(cx));
            let Some(request) = request.take() else { return Poll::Pending };
            let decided = match decision {
                Ok(permit) => State::admitted(service, request, permit, rules),
                Err(shed) => State::refused(route, shed),
            };
            state.set(decided);
        }
        match state.project() {
            // It has just left this state.
            Projected::Waiting { .. } => Poll::Pending,
            Projected::Called { call, permit, rules } => {
                let unwinding = Unwinding::with(permit);
                let polled = call.poll(cx);
                unwinding.over();
                let result = ready!(polled);
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
