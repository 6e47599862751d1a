// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::AdmissionBody;
use super::future::ResponseFuture;
use super::policy::Policy;
use crate::grpc;
use crate::head::RequestHead;
use crate::panics::failing_on_panic;
use crate::refusal;

/// Admits requests to the inner service, or refuses them. Made by
/// [`AdmissionLayer`](crate::AdmissionLayer).
///
/// A refusal is a response, never an error: `503` with a problem document, or a gRPC status.
#[derive(Debug, Clone)]
pub struct AdmissionService<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S> AdmissionService<S> {
    pub(crate) fn new(inner: S, policy: Arc<Policy>) -> Self {
        Self { inner, policy }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service. Calls made to it directly are neither counted nor refused.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the layer off.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for AdmissionService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: 'static,
    R: Body,
    R::Data: From<Bytes>,
{
    type Response = Response<AdmissionBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    /// The inner service's readiness. It takes no permit: a connection may be ready for hours
    /// before it calls.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let policy = &self.policy;
        let priority = policy.priorities.take(&mut request, &policy.atrion);
        let route = policy.route(&RequestHead::of(&request));
        match route.admit_owned(priority) {
            Ok(permit) => {
                let (mut permit, is_head) = (Some(permit), request.method() == Method::HEAD);
                let future = failing_on_panic(&mut permit, || self.inner.call(request));
                ResponseFuture::called(future, permit, Arc::clone(policy), is_head)
            }
            Err(shed) => {
                policy.on_refusal.refused(&route, &shed);
                let answer = refusal::response(&shed, &route, policy.detail, grpc::call_type(&request));
                let future = ResponseFuture::refused(answer, policy.show_decision);
                // The inner service was made ready and is not called: a fresh clone gives back what
                // its readiness has reserved.
                self.inner = self.inner.clone();
                future
            }
        }
    }
}
