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
        /// Apart from the future, which moves a few times and would have room for the request.
        Unready { waiting: Box<Waiting<S, Q>> },
        Called { #[pin] future: S::Future },
        Failed { error: Option<S::Error> },
    }
}

struct Waiting<S, Q> {
    service: S,
    /// Taken when the service is ready.
    request: Option<Q>,
}

impl<S: Service<Q> + Clone, Q> Calling<S, Q> {
    /// Calls `service` if it is ready. If it is not, it goes into the future, with the place in a
    /// queue that its readiness may have, and a clone takes its place: cloning every time would
    /// cost every request what few need.
    #[inline(always)]
    pub(crate) fn new(service: &mut S, request: Q) -> Self {
        let state = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => State::Called { future: service.call(request) },
            Poll::Ready(Err(error)) => State::Failed { error: Some(error) },
            // The future's first poll leaves a waker.
            Poll::Pending => {
                let clone = service.clone();
                let service = std::mem::replace(service, clone);
                State::Unready { waiting: Box::new(Waiting { service, request: Some(request) }) }
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
                Projected::Unready { waiting } => {
                    ready!(waiting.service.poll_ready(cx))?;
                    let Some(request) = waiting.request.take() else { return Poll::Pending };
                    waiting.service.call(request)
                }
            };
            this.state.set(State::Called { future });
        }
    }
}
