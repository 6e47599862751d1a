// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_core::Outcome;
use atrion_engine::{OwnedPermit, Shed};
use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::{AdmissionBody, Awaiting, Watch};
use super::policy::{Hold, Policy};
use crate::classify::{CallError, Verdict};
use crate::head::ResponseHead;
use crate::header;
use crate::panics::failing_on_panic;

pin_project! {
    /// The future of an [`AdmissionService`](super::AdmissionService).
    ///
    /// Dropped before it is ready, its request counts as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F> {
        Called { #[pin] future: F, permit: Option<OwnedPermit>, policy: Arc<Policy>, is_head: bool },
        Refused { answer: Option<Response<Bytes>>, show_decision: bool },
    }
}

impl<F> ResponseFuture<F> {
    /// `is_head`: the request is a HEAD, so the body of the response will not be sent.
    pub(crate) fn called(future: F, permit: Option<OwnedPermit>, policy: Arc<Policy>, is_head: bool) -> Self {
        Self { state: State::Called { future, permit, policy, is_head } }
    }

    pub(crate) fn refused(answer: Response<Bytes>, show_decision: bool) -> Self {
        Self { state: State::Refused { answer: Some(answer), show_decision } }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
    E: 'static,
{
    type Output = Result<Response<AdmissionBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut response, decision) = match self.project().state.project() {
            Projected::Called { future, permit, policy, is_head } => {
                let result = ready!(failing_on_panic(permit, || future.poll(cx)));
                // Taken when the inner future is ready; after that it is not polled again.
                let Some(permit) = permit.take() else { return Poll::Pending };
                let response = match result {
                    Ok(response) => watched(response, permit, policy, *is_head),
                    Err(error) => {
                        permit.finish(policy.classify.error(&CallError::new(&error)));
                        return Poll::Ready(Err(error));
                    }
                };
                let decision = policy.show_decision.then(|| decision_in(&response));
                (response, decision)
            }
            Projected::Refused { answer, show_decision } => {
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

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

/// The decision that the response of an admitted request shows: the inner service may be another
/// layer, or a callee, that has refused it.
fn decision_in<R>(response: &Response<R>) -> &'static str {
    if response.headers().contains_key(header::SHED) { "shed" } else { "admitted" }
}

/// Finishes the permit by the head, or hands it to the body.
fn watched<R: Body>(
    response: Response<R>,
    permit: OwnedPermit,
    policy: &Arc<Policy>,
    is_head: bool,
) -> Response<AdmissionBody<R>> {
    if response.extensions().get::<Shed>().is_some() {
        // Another layer of this process has refused: no callee has answered, so this says nothing
        // about its health.
        permit.finish(Outcome::Ignored);
        return response.map(AdmissionBody::unwatched);
    }
    // Servers drop a body that they do not send, without a look at it.
    let hold = if is_head { Hold::Head } else { policy.hold };
    let awaiting = match (policy.classify.head(&ResponseHead::of(&response)), hold) {
        (Verdict::Known(outcome), Hold::Body) => Awaiting::End(outcome),
        (Verdict::Known(outcome), _) => {
            permit.finish(outcome);
            return response.map(AdmissionBody::unwatched);
        }
        (Verdict::AtEnd, Hold::Head) => {
            permit.finish(Outcome::Success);
            return response.map(AdmissionBody::unwatched);
        }
        (Verdict::AtEnd, _) => Awaiting::Trailers,
    };
    let watch = Watch { permit, awaiting, classify: Arc::clone(&policy.classify) };
    response.map(|body| AdmissionBody::watched(body, watch))
}
