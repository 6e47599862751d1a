// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_core::Outcome;
use atrion_engine::{AcquireOwned, Hold, OwnedPermit, Route, Shed};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::{AdmissionBody, Awaiting, Watch, finish};
use super::policy::{Holding, Policy};
use super::request::Intake;
use super::slot::Upgrading;
use crate::classify::{CallError, Classifier, Verdict};
use crate::grpc;
use crate::head::{RequestHead, ResponseHead};
use crate::header;
use crate::orca::Orca;
use crate::panics::Unwinding;
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
    pub(crate) fn unguarded(inner: &mut S, request: Request<B>) -> Self {
        Self { state: State::unguarded(inner, request) }
    }

    /// A request that the gates have let in.
    #[inline(always)]
    pub(crate) fn admitted(inner: &mut S, request: Request<B>, permit: OwnedPermit, policy: &Policy) -> Self {
        Self { state: State::admitted(inner, request, permit, policy) }
    }

    /// A request that a gate has refused.
    pub(crate) fn refused(request: Request<B>, route: &Route, shed: &Shed, policy: &Policy) -> Self {
        Self { state: State::refused(request, route, shed, policy) }
    }

    /// A request that waits to be admitted.
    #[cold]
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
    // The usual way is one function from the request to the future, and the request goes straight into
    // the inner call: each time that it is moved takes as long as a gate.
    #[inline(always)]
    fn admitted(inner: &mut S, mut request: Request<B>, permit: OwnedPermit, policy: &Policy) -> Self {
        let head = RequestHead::of(&request);
        let hold = policy.holding(&head, permit.hold());
        let upgrading = hold.is_stream().then(|| Upgrading::of(&head)).flatten();
        if let Some(upgrading) = &upgrading {
            request.extensions_mut().insert(upgrading.slot());
        }
        let mut permit = Some(permit);
        let unwinding = Unwinding::with(&mut permit);
        let call = Calling::new(inner, I::admitted(request, unwinding.0));
        unwinding.over();
        let (classify, orca) = (policy.classify.clone(), policy.orca.clone());
        Self::Called { call, permit, hold, classify, orca, upgrading, show_decision: policy.show_decision }
    }

    /// A request without a guard.
    fn unguarded(inner: &mut S, request: Request<B>) -> Self {
        Self::Called {
            call: Calling::new(inner, I::unguarded(request)),
            permit: None,
            hold: Holding::default(),
            classify: Classifier::default(),
            orca: None,
            upgrading: None,
            show_decision: false,
        }
    }

    #[cold]
    fn refused(request: Request<B>, route: &Route, shed: &Shed, policy: &Policy) -> Self {
        policy.on_refusal.refused(route, shed);
        let kind = grpc::call_type(&request);
        let mut answer = refusal::response(shed, route, policy.detail, kind);
        if let Some(orca) = &policy.orca {
            orca.tell_head(answer.headers_mut());
        }
        let rest = I::refused(request);
        Self::Refused { rest, answer: Some(Box::new(answer)), show_decision: policy.show_decision }
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
            let decided = match decision {
                Ok(permit) => State::admitted(service, request, permit, policy),
                Err(shed) => State::refused(request, route, &shed, policy),
            };
            state.set(decided);
        }
        match state.project() {
            // It has just left this state.
            Projected::Waiting { .. } => Poll::Pending,
            Projected::Called { call, permit, hold, classify, orca, upgrading, show_decision } => {
                let unwinding = Unwinding::with(permit);
                let polled = call.poll(cx);
                unwinding.over();
                let response = match ready!(polled) {
                    Ok(response) => response,
                    Err(error) => {
                        finish(permit.take(), classify.error(&CallError::new(&error)));
                        return Poll::Ready(Err(error));
                    }
                };
                let watch = judge(&response, permit, *hold, upgrading.take(), classify);
                let mut response = response.map(|body| AdmissionBody::watched(body, watch));
                if let Some(orca) = orca {
                    tell(&mut response, orca);
                }
                if *show_decision {
                    let decision = decision_in(&response);
                    show(&mut response, decision);
                }
                Poll::Ready(Ok(response))
            }
            Projected::Refused { rest, answer, show_decision } => {
                if let Some(rest) = rest.as_pin_mut() {
                    ready!(rest.poll(cx));
                }
                let Some(answer) = answer.take() else { return Poll::Pending };
                let mut response = answer.map(AdmissionBody::refusal);
                if *show_decision {
                    show(&mut response, "shed");
                }
                Poll::Ready(Ok(response))
            }
        }
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

fn show<R>(response: &mut Response<R>, decision: &'static str) {
    response.headers_mut().insert(header::DECISION, HeaderValue::from_static(decision));
}

/// Puts the load report where the status is: into the head, or into trailers that are to come.
fn tell<B: Body>(response: &mut Response<AdmissionBody<B>>, orca: &Arc<Orca>) {
    let headers = response.headers_mut();
    if grpc::has_trailers(headers) && !headers.contains_key(header::GRPC_STATUS) {
        response.body_mut().tell(Arc::clone(orca));
    } else {
        orca.tell_head(headers);
    }
}

/// Finishes the permit by the head, or gives what the body has to hold.
fn judge<R: Body>(
    response: &Response<R>,
    permit: &mut Option<OwnedPermit>,
    hold: Holding,
    upgrading: Option<Upgrading>,
    classify: &Classifier,
) -> Option<Watch> {
    let held = permit.take()?;
    if response.extensions().get::<Shed>().is_some() {
        // Another layer of this process has refused: no callee has answered, so this says nothing
        // about its health.
        finish(Some(held), Outcome::Ignored);
        return None;
    }
    let head = ResponseHead::of(response);
    let (verdict, hold) = (classify.head(&head), hold.to(&head));
    if let (Verdict::Known(outcome), Some(upgrading)) = (verdict, upgrading.filter(|it| it.is_made(&head))) {
        upgrading.hand_over(held.into_stream(outcome));
        return None;
    }
    let awaiting = match (verdict, hold) {
        (Verdict::Known(outcome), Hold::Body)
        | (Verdict::Known(outcome @ Outcome::Success), Hold::Stream) => Awaiting::End(outcome),
        (Verdict::Known(outcome), _) => {
            finish(Some(held), outcome);
            return None;
        }
        (Verdict::AtEnd, Hold::Head) => {
            finish(Some(held), Outcome::Success);
            return None;
        }
        (Verdict::AtEnd, _) => Awaiting::status(head.headers),
    };
    Some(Watch::new(held, awaiting, hold == Hold::Stream, classify.clone()))
}
