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
use super::slot::Upgrading;
use crate::classify::{CallError, Classifier, Verdict};
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
        // Apart, as a refusal is: few requests wait or are refused, and the future of every request
        // must not be as large as theirs.
        Waiting { waiting: Box<Waiting<S, B>> },
        Called {
            #[pin]
            call: Calling<S, Request<I::Body>>,
            permit: Option<OwnedPermit>,
            hold: Holding,
            classify: Classifier,
            orca: Option<Arc<Orca>>,
            upgrading: Option<Upgrading>,
            show_decision: bool,
        },
        Refused { #[pin] rest: Option<I::Rest>, answer: Option<Box<Response<Bytes>>>, show_decision: bool },
    }
}

/// A request that is to be admitted.
struct Waiting<S, B> {
    acquire: AcquireOwned,
    service: S,
    request: Option<Request<B>>,
    route: Route,
    policy: Arc<Policy>,
}

impl<S, I, B> ResponseFuture<S, I, B>
where
    I: Intake<B>,
    S: Service<Request<I::Body>> + Clone,
{
    /// A request that is not guarded.
    pub(crate) fn unguarded(inner: &mut S, request: Request<I::Body>, policy: &Policy) -> Self {
        Self { state: State::called(inner, request, None, Holding::default(), None, policy) }
    }

    /// A request on which the gates have decided.
    pub(crate) fn decided(
        inner: &mut S,
        request: Request<B>,
        route: &Route,
        decision: Result<OwnedPermit, Shed>,
        policy: &Policy,
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
        let waiting = Box::new(Waiting { acquire, service, request, route, policy });
        Self { state: State::Waiting { waiting } }
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
        policy: &Policy,
    ) -> Self {
        match decision {
            Ok(permit) => {
                let head = RequestHead::of(&request);
                let hold = policy.holding(&head);
                let upgrading = hold.is_stream().then(|| Upgrading::of(&head)).flatten();
                let mut permit = Some(permit);
                let mut request = I::admitted(request, &mut permit);
                if let Some(upgrading) = &upgrading {
                    request.extensions_mut().insert(upgrading.slot());
                }
                Self::called(inner, request, permit, hold, upgrading, policy)
            }
            Err(shed) => {
                policy.on_refusal.refused(route, &shed);
                let kind = grpc::call_type(&request);
                let mut answer = refusal::response(&shed, route, policy.detail, kind);
                if let Some(orca) = &policy.orca {
                    orca.tell_head(answer.headers_mut());
                }
                let rest = I::refused(request);
                Self::Refused { rest, answer: Some(Box::new(answer)), show_decision: policy.show_decision }
            }
        }
    }

    /// A request that may pass: with its permit, or without one where it is not guarded.
    #[inline]
    fn called(
        inner: &mut S,
        request: Request<I::Body>,
        mut permit: Option<OwnedPermit>,
        hold: Holding,
        upgrading: Option<Upgrading>,
        policy: &Policy,
    ) -> Self {
        let call = failing_on_panic(&mut permit, || Calling::new(inner, request));
        let (classify, orca) = (policy.classify.clone(), policy.orca.clone());
        Self::Called { call, permit, hold, classify, orca, upgrading, show_decision: policy.show_decision }
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
        if let Projected::Waiting { waiting } = state.as_mut().project() {
            let Waiting { acquire, service, request, route, policy } = &mut **waiting;
            let decision = ready!(Pin::new(acquire).poll(cx));
            let Some(request) = request.take() else { return Poll::Pending };
            let decided = State::decided(service, request, route, decision, policy);
            state.set(decided);
        }
        let (mut response, decision) = match state.project() {
            // It has just left this state.
            Projected::Waiting { .. } => return Poll::Pending,
            Projected::Called { call, permit, hold, classify, orca, upgrading, show_decision } => {
                let result = ready!(failing_on_panic(permit, || call.poll(cx)));
                if permit.is_none() {
                    return Poll::Ready(result.map(|response| response.map(AdmissionBody::unwatched)));
                }
                let response = match result {
                    Ok(response) => {
                        let response = watched(response, permit, *hold, upgrading.take(), classify);
                        match orca {
                            Some(orca) => told(response, orca),
                            None => response,
                        }
                    }
                    Err(error) => {
                        finish(permit.take(), classify.error(&CallError::new(&error)));
                        return Poll::Ready(Err(error));
                    }
                };
                let decision = show_decision.then(|| decision_in(&response));
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
    permit: &mut Option<OwnedPermit>,
    hold: Holding,
    upgrading: Option<Upgrading>,
    classify: &Classifier,
) -> Response<AdmissionBody<R>> {
    if response.extensions().get::<Shed>().is_some() {
        // Another layer of this process has refused: no callee has answered, so this says nothing
        // about its health.
        finish(permit.take(), Outcome::Ignored);
        return response.map(AdmissionBody::unwatched);
    }
    let head = ResponseHead::of(&response);
    let (verdict, hold) = (classify.head(&head), hold.to(&head));
    if let (Verdict::Known(outcome), Some(upgrading)) = (verdict, upgrading.filter(|it| it.is_made(&head))) {
        if let Some(permit) = permit.take() {
            upgrading.hand_over(permit.into_stream(outcome));
        }
        return response.map(AdmissionBody::unwatched);
    }
    let awaiting = match (verdict, hold) {
        (Verdict::Known(outcome), Hold::Body)
        | (Verdict::Known(outcome @ Outcome::Success), Hold::Stream) => Awaiting::End(outcome),
        (Verdict::Known(outcome), _) => {
            finish(permit.take(), outcome);
            return response.map(AdmissionBody::unwatched);
        }
        (Verdict::AtEnd, Hold::Head) => {
            finish(permit.take(), Outcome::Success);
            return response.map(AdmissionBody::unwatched);
        }
        (Verdict::AtEnd, _) => Awaiting::status(head.headers),
    };
    let is_stream = hold == Hold::Stream;
    let watch = permit.take().map(|permit| Watch::new(permit, awaiting, is_stream, classify.clone()));
    response.map(|body| AdmissionBody::watched(body, watch))
}
