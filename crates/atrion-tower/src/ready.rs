// SPDX-License-Identifier: Apache-2.0
//! Calling a service that may have to be waited for, with the permit held.
//!
//! A service that passes the inner readiness on hides what waits in it: the request is not admitted
//! before it has got through the queue, so the queue is no part of the latency or of the count in
//! flight. Here the request is admitted first and waits inside of its future.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

pin_project! {
    /// A call, from the inner service's readiness to its answer.
    pub(crate) struct Calling<S, Q>
    where
        S: Service<Q>,
    {
        #[pin]
        state: State<S, Q>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, Q>
    where
        S: Service<Q>,
    {
        /// The request is taken when the service is ready.
        Unready { service: S, request: Option<Q> },
        Called { #[pin] future: S::Future },
        Failed { error: Option<S::Error> },
    }
}

impl<S: Service<Q> + Clone, Q> Calling<S, Q> {
    /// Calls `service` if it is ready. If it is not, it goes into the future, with the place in a
    /// queue that its readiness may have, and a clone takes its place: cloning every time would
    /// cost every request what few need.
    pub(crate) fn new(service: &mut S, request: Q) -> Self {
        let state = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => State::Called { future: service.call(request) },
            Poll::Ready(Err(error)) => State::Failed { error: Some(error) },
            // The future's first poll leaves a waker.
            Poll::Pending => {
                let clone = service.clone();
                State::Unready { service: std::mem::replace(service, clone), request: Some(request) }
            }
        };
        Self { state }
    }
}

impl<S, Q> Future for Calling<S, Q>
where
    S: Service<Q>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let future = match this.state.as_mut().project() {
                Projected::Called { future } => return future.poll(cx),
                Projected::Failed { error } => {
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
                Projected::Unready { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let Some(request) = request.take() else { return Poll::Pending };
                    service.call(request)
                }
            };
            this.state.set(State::Called { future });
        }
    }
}
