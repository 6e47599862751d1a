// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_core::Outcome;
use atrion_engine::{AcquireOwned, OwnedPermit, Route, Shed};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::{AdmissionBody, Awaiting, Watch, finish};
use super::policy::{Hold, Holding, Policy};
use super::request::Intake;
use crate::classify::{CallError, Verdict};
use crate::grpc;
use crate::head::{RequestHead, ResponseHead};
use crate::header;
use crate::orca::Orca;
use crate::panics::failing_on_panic;
use crate::ready::Calling;
use crate::refusal;

pin_project! {
    /// The future of an [`AdmissionService`](super::AdmissionService).
    ///
    /// Dropped before it is ready, its request counts as cancelled; while it waits to be admitted, as
    /// nothing.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, I, B>
    where
        I: Intake<B>,
        S: Service<Request<I::Body>>,
    {
        #[pin]
        state: State<S, I, B>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, I, B>
    where
        I: Intake<B>,
        S: Service<Request<I::Body>>,
    {
        /// To be admitted.
        Waiting {
            acquire: AcquireOwned,
            service: S,
            request: Option<Request<B>>,
            route: Route,
            policy: Arc<Policy>,
        },
        Called {
            #[pin]
            call: Calling<S, Request<I::Body>>,
            permit: Option<OwnedPermit>,
            hold: Option<Holding>,
            policy: Arc<Policy>,
        },
        Refused { #[pin] rest: Option<I::Rest>, answer: Option<Response<Bytes>>, show_decision: bool },
    }
}

impl<S, I, B> ResponseFuture<S, I, B>
where
    I: Intake<B>,
    S: Service<Request<I::Body>> + Clone,
{
    /// A request that is not guarded.
    pub(crate) fn unguarded(inner: &mut S, request: Request<I::Body>, policy: &Arc<Policy>) -> Self {
        Self { state: State::called(inner, request, None, policy) }
    }

    /// A request on which the gates have decided.
    pub(crate) fn decided(
        inner: &mut S,
        request: Request<B>,
        route: &Route,
        decision: Result<OwnedPermit, Shed>,
        policy: &Arc<Policy>,
    ) -> Self {
        Self { state: State::decided(inner, request, route, decision, policy) }
    }

    /// A request that waits to be admitted.
    pub(crate) fn waiting(
        inner: &S,
        request: Request<B>,
        route: Route,
        acquire: AcquireOwned,
        policy: &Arc<Policy>,
    ) -> Self {
        let (service, request, policy) = (inner.clone(), Some(request), Arc::clone(policy));
        Self { state: State::Waiting { acquire, service, request, route, policy } }
    }
}

impl<S, I, B> State<S, I, B>
where
    I: Intake<B>,
    S: Service<Request<I::Body>> + Clone,
{
    fn decided(
        inner: &mut S,
        request: Request<B>,
        route: &Route,
        decision: Result<OwnedPermit, Shed>,
        policy: &Arc<Policy>,
    ) -> Self {
        match decision {
            Ok(permit) => {
                let hold = policy.holding(&RequestHead::of(&request));
                let (request, permit) = I::admitted(request, permit);
                Self::called(inner, request, Some((permit, hold)), policy)
            }
            Err(shed) => {
                policy.on_refusal.refused(route, &shed);
                let kind = grpc::call_type(&request);
                let mut answer = refusal::response(&shed, route, policy.detail, kind);
                if let Some(orca) = &policy.orca {
                    orca.tell_head(answer.headers_mut());
                }
                let rest = I::refused(request);
                Self::Refused { rest, answer: Some(answer), show_decision: policy.show_decision }
            }
        }
    }

    /// A request that may pass: with its permit, or without one where it is not guarded.
    fn called(
        inner: &mut S,
        request: Request<I::Body>,
        permit: Option<(OwnedPermit, Holding)>,
        policy: &Arc<Policy>,
    ) -> Self {
        let (mut permit, hold) = permit.unzip();
        let call = failing_on_panic(&mut permit, || Calling::new(inner, request));
        Self::Called { call, permit, hold, policy: Arc::clone(policy) }
    }
}

impl<S, I, B, R> Future for ResponseFuture<S, I, B>
where
    I: Intake<B>,
    S: Service<Request<I::Body>, Response = Response<R>> + Clone,
    S::Error: 'static,
    R: Body,
{
    type Output = Result<Response<AdmissionBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if let Projected::Waiting { acquire, service, request, route, policy } = state.as_mut().project() {
            let decision = ready!(Pin::new(acquire).poll(cx));
            let Some(request) = request.take() else { return Poll::Pending };
            let decided = State::decided(service, request, route, decision, policy);
            state.set(decided);
        }
        let (mut response, decision) = match state.project() {
            // It has just left this state.
            Projected::Waiting { .. } => return Poll::Pending,
            Projected::Called { call, permit, hold, policy } => {
                let result = ready!(failing_on_panic(permit, || call.poll(cx)));
                let response = match (result, permit.take().zip(*hold)) {
                    (Ok(response), Some((permit, hold))) => {
                        let response = watched(response, permit, hold, policy);
                        match &policy.orca {
                            Some(orca) => told(response, orca),
                            None => response,
                        }
                    }
                    (Ok(response), None) => return Poll::Ready(Ok(response.map(AdmissionBody::unwatched))),
                    (Err(error), permit) => {
                        if let Some((permit, _)) = permit {
                            finish(permit, policy.classify.error(&CallError::new(&error)));
                        }
                        return Poll::Ready(Err(error));
                    }
                };
                let decision = policy.show_decision.then(|| decision_in(&response));
                (response, decision)
            }
            Projected::Refused { rest, answer, show_decision } => {
                if let Some(rest) = rest.as_pin_mut() {
                    ready!(rest.poll(cx));
                }
                let Some(answer) = answer.take() else { return Poll::Pending };
                (answer.map(AdmissionBody::refusal), show_decision.then_some("shed"))
            }
        };
        if let Some(decision) = decision {
            response.headers_mut().insert(header::DECISION, HeaderValue::from_static(decision));
        }
        Poll::Ready(Ok(response))
    }
}

impl<S, I, B> fmt::Debug for ResponseFuture<S, I, B>
where
    I: Intake<B>,
    S: Service<Request<I::Body>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

/// The decision that the response of an admitted request shows: the inner service may be another
/// layer, or a callee, that has refused it.
fn decision_in<R>(response: &Response<R>) -> &'static str {
    if response.headers().contains_key(header::SHED) { "shed" } else { "admitted" }
}

/// Puts the load report where the status is: into the head, or into trailers that are to come.
fn told<B: Body>(mut response: Response<AdmissionBody<B>>, orca: &Arc<Orca>) -> Response<AdmissionBody<B>> {
    let headers = response.headers_mut();
    if grpc::has_trailers(headers) && !headers.contains_key(header::GRPC_STATUS) {
        return response.map(|body| body.telling(Arc::clone(orca)));
    }
    orca.tell_head(headers);
    response
}

/// Finishes the permit by the head, or hands it to the body.
fn watched<R: Body>(
    response: Response<R>,
    permit: OwnedPermit,
    hold: Holding,
    policy: &Arc<Policy>,
) -> Response<AdmissionBody<R>> {
    if response.extensions().get::<Shed>().is_some() {
        // Another layer of this process has refused: no callee has answered, so this says nothing
        // about its health.
        permit.finish(Outcome::Ignored);
        return response.map(AdmissionBody::unwatched);
    }
    let head = ResponseHead::of(&response);
    let awaiting = match (policy.classify.head(&head), hold.to(&head)) {
        (Verdict::Known(outcome), Hold::Body) => Awaiting::End(outcome),
        (Verdict::Known(outcome), _) => {
            finish(permit, outcome);
            return response.map(AdmissionBody::unwatched);
        }
        (Verdict::AtEnd, Hold::Head) => {
            permit.finish(Outcome::Success);
            return response.map(AdmissionBody::unwatched);
        }
        (Verdict::AtEnd, _) => Awaiting::status(head.headers),
    };
    let watch = Watch { permit, awaiting, classify: Arc::clone(&policy.classify) };
    response.map(|body| AdmissionBody::watched(body, watch))
}
