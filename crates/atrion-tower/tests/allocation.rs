// SPDX-License-Identifier: Apache-2.0
//! An admitted request costs no allocation, and one for its body if it has one. The test runs alone
//! in its process, because the counter counts for all of it.
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests do: that is how they speak

use std::alloc::System;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use atrion_core::{Priority, Tier};
use atrion_engine::Atrion;
use atrion_tower::http::Intake;
use atrion_tower::{AdmissionLayer, RouteNames, TrustedHeaders};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower::{Layer as _, Service};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn handler<B>(_: Request<B>) -> Ready<Result<Response<Empty<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Empty::new())))
}

/// Allocations of a thousand calls with bodies of `text`; the requests are made before.
fn allocations<I: Intake<Full<Bytes>>>(layer: AdmissionLayer<I>, path: &str, text: &'static str) -> usize {
    let mut service = layer.layer(tower::service_fn(handler));
    let mut call_all = |requests: Vec<Request<Full<Bytes>>>| {
        let region = Region::new(COUNTED);
        for request in requests {
            let mut context = Context::from_waker(Waker::noop());
            assert!(service.poll_ready(&mut context).is_ready());
            let Poll::Ready(answer) = pin!(service.call(request)).poll(&mut context) else {
                return usize::MAX;
            };
            assert_eq!(answer.unwrap().status(), 200);
        }
        region.change().allocations
    };
    let requests = || {
        let body = || Full::from(text);
        let request = || Request::post(path).header("x-other", "1").body(body()).unwrap();
        std::iter::repeat_with(request).take(1_000).collect()
    };
    call_all(requests());
    call_all(requests())
}

#[test]
fn an_admitted_request_allocates_nothing() {
    // The runtime is not driven while calls are counted, so that the allocations of the pulse do
    // not count.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let atrion = runtime.block_on(Atrion::builder().connect()).unwrap();
    let server = AdmissionLayer::new(atrion.clone());
    assert_eq!(allocations(server.clone(), "/some/path", ""), 0);
    // What reads the body and what answers share the permit.
    assert_eq!(allocations(server.clone(), "/some/path", "an upload"), 1_000);
    assert_eq!(allocations(server.clone().unwatched(), "/some/path", "an upload"), 0);
    let rules = server
        .trust_headers(TrustedHeaders::new())
        .names(RouteNames::by(|head| Some(head.uri.path().split('/').nth(1)?.into())));
    assert_eq!(allocations(rules, "/some/path", ""), 0);
    assert_eq!(
        allocations(AdmissionLayer::client(atrion.clone()), "http://me@example.com:81/", "an upload"),
        0
    );
    // A stated priority is left in the extensions, and their map is boxed.
    let stated = AdmissionLayer::new(atrion).priority(|_| Some(Priority::tier(Tier::High)));
    assert!(allocations(stated, "/", "") > 0);
}
