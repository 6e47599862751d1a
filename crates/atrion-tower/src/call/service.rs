// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::BoxError;
use super::error::Refused;
use super::future::CallFuture;
use super::rules::CallRules;
use crate::panics::failing_on_panic;
use crate::trace;

/// Admits calls to the inner service, or refuses them with the error [`Refused`]. Made by
/// [`CallLayer`](super::CallLayer).
#[derive(Debug)]
pub struct CallService<S, R> {
    inner: S,
    rules: Arc<R>,
}

impl<S, R> CallService<S, R> {
    pub(crate) fn new(inner: S, rules: Arc<R>) -> Self {
        Self { inner, rules }
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

impl<S: Clone, R> Clone for CallService<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), rules: Arc::clone(&self.rules) }
    }
}

impl<S, R, Request> Service<Request> for CallService<S, R>
where
    S: Service<Request> + Clone,
    S::Error: Into<BoxError>,
    R: CallRules<Request, S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = CallFuture<S::Future, R, Request>;

    /// The inner service's readiness. It takes no permit.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let route = self.rules.route(&request);
        match route.admit_owned(self.rules.priority(&request)) {
            Ok(permit) => {
                let mut permit = Some(permit);
                let future = failing_on_panic(&mut permit, || self.inner.call(request));
                CallFuture::called(future, permit, Arc::clone(&self.rules))
            }
            Err(shed) => {
                trace::mark(&route, &shed);
                // The inner service was made ready and is not called: a fresh clone gives back what
                // its readiness has reserved.
                self.inner = self.inner.clone();
                CallFuture::refused(Refused::new(&route, shed))
            }
        }
    }
}
