// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use atrion_core::Priority;
use tower_service::Service;

use super::error::GuardedError;
use super::future::CallFuture;
use super::rules::CallRules;
use crate::admission::{self, Asked};
use crate::priority::{Place, Propagate};

/// Admits calls to the inner service, or refuses them with [`GuardedError::Refused`]. Made by
/// [`CallLayer`](super::CallLayer).
///
/// It is always ready. An admitted call waits for the inner service's readiness inside of its
/// future, with its permit: a queue further in is then part of what the guard sees.
#[derive(Debug)]
pub struct CallService<S, R> {
    inner: S,
    rules: Arc<R>,
    place: Place,
    patience: Option<Duration>,
}

impl<S, R> CallService<S, R> {
    pub(crate) fn new(inner: S, rules: Arc<R>, patience: Option<Duration>) -> Self {
        Self { inner, rules, place: Place::default(), patience }
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
        let (rules, place) = (Arc::clone(&self.rules), self.place.clone());
        Self { inner: self.inner.clone(), rules, place, patience: self.patience }
    }
}

impl<S, R, Request> Service<Request> for CallService<S, R>
where
    S: Service<Request> + Clone,
    R: CallRules<Request, S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = GuardedError<S::Error>;
    type Future = CallFuture<S, R, Request>;

    /// Always ready, and without a permit.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let (route, propagate) = (self.rules.route(&request), self.rules.propagate());
        let mut priority = self.rules.priority(&request);
        if propagate != Propagate::Nothing {
            let tier = priority.counted_as();
            let volts = (propagate == Propagate::Voltage).then(|| self.place.of(priority, route.now()));
            priority = volts.map_or(priority, |volts| priority.as_important_as(Priority::volts(volts)));
            self.rules.tell(&mut request, tier, volts);
        }
        match admission::ask(route, priority, self.patience) {
            Asked::Admitted(permit) => CallFuture::admitted(&mut self.inner, request, permit, &self.rules),
            Asked::Refused(shed, route) => CallFuture::refused(&route, shed),
            Asked::Waits(acquire, route) => {
                CallFuture::waiting(&self.inner, request, route, acquire, &self.rules)
            }
        }
    }
}
