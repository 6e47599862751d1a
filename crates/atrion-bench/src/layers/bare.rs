// SPDX-License-Identifier: Apache-2.0
//! A layer, called as a service: no protocol around it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::axum::body::Body;
use ::governor::middleware::NoOpMiddleware;
use atrion_tower::{AdmissionLayer, RouteNames};
use http::{Request, Response};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::GlobalKeyExtractor;
use tower_resilience_adaptive::{AdaptiveLimiterLayer, Aimd};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

use super::Pulsed;
use crate::contender::{Contender, Session};

/// The service alone, then each layer around it.
pub(super) fn all() -> Vec<Box<dyn Contender>> {
    let room = NonZeroUsize::MAX.get() >> 4;
    let both = |pulsed: &Pulsed| AdmissionLayer::new(pulsed.atrion.clone()).names(fixed()).unwatched();
    let breaker = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .build()
        .expect("the configuration of the crate's own example");
    let aimd = Aimd::builder().initial_limit(1_000).max_limit(1_000).build().expect("a limit of a thousand");
    let quota = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .key_extractor(GlobalKeyExtractor)
        .finish()
        .expect("a quota that is never reached");
    let quota = GovernorLayer::<GlobalKeyExtractor, NoOpMiddleware, Body>::new(Arc::new(quota));
    vec![
        Box::new(Layered::new("no layer", "none", Instant)),
        with_atrion("atrion", both),
        with_atrion("atrion, route alone", |pulsed| both(pulsed).each_route_alone()),
        Box::new(Layered::new(
            "tower, concurrency limit",
            "none",
            ConcurrencyLimitLayer::new(room).layer(Instant),
        )),
        Box::new(Layered::new(
            "tower, load shed",
            "none",
            ServiceBuilder::new().layer(LoadShedLayer::new()).concurrency_limit(room).service(Instant),
        )),
        Box::new(Layered::new("tower-resilience, breaker", "two", breaker.layer(Instant))),
        Box::new(Layered::new(
            "tower-resilience, adaptive",
            "two",
            AdaptiveLimiterLayer::new(aimd).layer(Instant),
        )),
        Box::new(Layered::new("tower_governor", "one", quota.layer(Instant))),
    ]
}

fn fixed() -> RouteNames {
    RouteNames::fixed("GET /checkout")
}

fn with_atrion<I>(name: &'static str, layer: impl FnOnce(&Pulsed) -> AdmissionLayer<I>) -> Box<dyn Contender>
where
    AdmissionLayer<I>: Layer<Instant, Service: Guard>,
{
    let pulsed = Pulsed::new();
    let service = layer(&pulsed).layer(Instant);
    Box::new(Layered { name, clock_reads: "two", service, pulsed: Some(pulsed) })
}

/// A service that takes and gives HTTP, whatever its body.
trait Guard: Service<Request<Body>, Response: Answer, Error: std::fmt::Debug> + Clone + Sync + 'static {}

impl<S> Guard for S where
    S: Service<Request<Body>, Response: Answer, Error: std::fmt::Debug> + Clone + Sync + 'static
{
}

trait Answer {
    fn is_good(&self) -> bool;
}

impl<B> Answer for Response<B> {
    fn is_good(&self) -> bool {
        self.status().is_success()
    }
}

struct Layered<S> {
    name: &'static str,
    clock_reads: &'static str,
    service: S,
    /// Ends with the bench.
    pulsed: Option<Pulsed>,
}

impl<S> Layered<S> {
    fn new(name: &'static str, clock_reads: &'static str, service: S) -> Self {
        Self { name, clock_reads, service, pulsed: None }
    }
}

impl<S: Guard> Contender for Layered<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn operation(&self) -> &'static str {
        "`ready` and `call` around a service that answers at once"
    }

    fn clock_reads(&self) -> &'static str {
        self.clock_reads
    }

    fn session(&self) -> Session<'_> {
        debug_assert!(self.pulsed.as_ref().is_none_or(|pulsed| !pulsed.atrion.is_degraded()));
        let runtime = crate::peers::runtime();
        let mut service = self.service.clone();
        Box::new(move |operations| {
            let _entered = runtime.enter();
            crate::peers::drive(async {
                let mut admitted = 0;
                for _ in 0..operations {
                    let ready = service.ready().await.expect("a service that is always ready");
                    let answer = ready.call(Request::new(Body::empty())).await;
                    admitted += u64::from(answer.is_ok_and(|answer| answer.is_good()));
                }
                admitted
            })
        })
    }
}

/// A service without cost. It has a name, because the types of some layers name it.
#[derive(Clone)]
struct Instant;

impl Service<Request<Body>> for Instant {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(std::hint::black_box(request).into_body())))
    }
}
