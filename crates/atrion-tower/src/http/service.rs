// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::AdmissionBody;
use super::future::ResponseFuture;
use super::policy::Policy;
use super::request::{Intake, Watched};
use crate::admission::{self, Asked};
use crate::head::RequestHead;

/// Admits requests to the inner service, or refuses them. Made by
/// [`AdmissionLayer`](crate::AdmissionLayer).
///
/// A refusal is a response, never an error: `503` with a problem document, or a gRPC status.
///
/// It is always ready. An admitted request waits for the inner service's readiness inside of its
/// future, with its permit: a queue further in is then part of what the guard sees.
pub struct AdmissionService<S, I = Watched> {
    inner: S,
    policy: Arc<Policy>,
    intake: PhantomData<fn() -> I>,
}

impl<S, I> AdmissionService<S, I> {
    pub(crate) fn new(inner: S, policy: Arc<Policy>) -> Self {
        Self { inner, policy, intake: PhantomData }
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

impl<S, I, B, R> Service<Request<B>> for AdmissionService<S, I>
where
    I: Intake<B>,
    S: Service<Request<I::Body>, Response = Response<R>> + Clone,
    S::Error: 'static,
    R: Body,
    R::Data: From<Bytes>,
{
    type Response = Response<AdmissionBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, I, B>;

    /// Always ready, and without a permit: a connection may be ready for hours before it calls.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let policy = &self.policy;
        if policy.is_unguarded(&RequestHead::of(&request)) {
            policy.priorities.strip(request.headers_mut());
            return ResponseFuture::unguarded(&mut self.inner, request);
        }
        let priority = policy.priorities.take(&mut request, &policy.atrion);
        let route = policy.route(&RequestHead::of(&request));
        match admission::ask(route, priority, policy.patience) {
            Asked::Admitted(permit) => ResponseFuture::admitted(&mut self.inner, request, permit, policy),
            Asked::Refused(shed, route) => ResponseFuture::refused(request, &route, &shed, policy),
            Asked::Waits(acquire, route) => {
                ResponseFuture::waiting(&self.inner, request, route, acquire, policy)
            }
        }
    }
}

impl<S: Clone, I> Clone for AdmissionService<S, I> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.policy))
    }
}

impl<S: fmt::Debug, I> fmt::Debug for AdmissionService<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmissionService").field("inner", &self.inner).field("policy", &self.policy).finish()
    }
}
