// SPDX-License-Identifier: Apache-2.0

use std::task::Poll;
use std::time::Duration;

use atrion_core::{Mode, Outcome};
use atrion_engine::{Config, Counts};
use atrion_tower::{AdmissionLayer, CallError, Classify, DefaultClassifier, ResponseHead, Verdict};
use http::{HeaderMap, Response, StatusCode};
use tower::timeout::error::Elapsed;
use tower::{Layer as _, ServiceBuilder, ServiceExt as _};

use crate::support::{Body, Seen, SeenInside, Server, Service, World, begin, body, exchange, get, spawn};

async fn judged(layer: impl FnOnce(&World) -> AdmissionLayer, response: Response<&'static str>) -> Counts {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(layer(&world));
    let _ = exchange(&mut service, &mut server, get("/"), response.map(body)).await;
    world.counts("unmatched")
}

fn with_status(status: u16) -> Response<&'static str> {
    Response::builder().status(status).body("").unwrap()
}

#[tokio::test]
async fn the_usual_rules() {
    for status in [101, 200, 204, 301, 399] {
        assert_eq!(judged(World::layer, with_status(status)).await.succeeded(), 1, "{status}");
    }
    for status in [408, 500, 502, 503, 504, 507, 520, 599, 999] {
        assert_eq!(judged(World::layer, with_status(status)).await.failed(), 1, "{status}");
    }
    for status in [400, 401, 404, 429, 499, 501, 505] {
        assert_eq!(judged(World::layer, with_status(status)).await.ignored(), 1, "{status}");
    }
}

/// From the status to the closing: the callee fails until the breaker opens, and is well then.
#[tokio::test]
async fn after_an_outage_an_answer_that_says_nothing_of_health_closes_the_breaker() {
    for status in [401, 404, 429] {
        let world = World::new(Config::default()).await;
        let (mut service, mut server) = spawn(world.layer());
        for _ in 0..100 {
            assert_eq!(asked(&mut service, &mut server, 200).await, Some(200));
            world.counts("unmatched");
        }
        let mut ticks = 0;
        while world.mode("unmatched") != Mode::CircuitBreaker {
            for _ in 0..10 {
                asked(&mut service, &mut server, 503).await;
            }
            world.counts("unmatched");
            ticks += 1;
            assert!(ticks < 200, "it never opens");
        }
        while asked(&mut service, &mut server, 503).await.is_some() {}
        world.clock.advance(Duration::from_secs(2));
        assert_eq!(asked(&mut service, &mut server, status).await, Some(status), "the probe");
        let modes = ["unmatched", "@service"].map(|route| world.mode(route));
        assert_eq!(modes, [Mode::Operational; 2], "{status}");
        assert_eq!(asked(&mut service, &mut server, 200).await, Some(200));
    }
}

/// The status that the callee gave, of a request that was let through to it.
async fn asked(service: &mut Service, server: &mut Server, status: u16) -> Option<u16> {
    let call = begin(service, get("/"));
    let reached = tokio_test::task::spawn(server.next_request()).poll();
    if let Poll::Ready(Some((_, send))) = reached {
        send.send_response(with_status(status).map(body));
        return Some(call.await.unwrap().status().as_u16());
    }
    assert!(call.await.unwrap().headers().contains_key("x-atrion-shed"));
    None
}

#[tokio::test]
async fn exceptions_can_be_made() {
    let layer = |world: &World| {
        let rules = DefaultClassifier::new()
            .status(StatusCode::NOT_FOUND, Outcome::Success)
            .status(StatusCode::TOO_MANY_REQUESTS, Outcome::Success)
            .status(StatusCode::TOO_MANY_REQUESTS, Outcome::Failure);
        world.layer().classify(rules)
    };
    assert_eq!(judged(layer, with_status(404)).await.succeeded(), 1);
    assert_eq!(judged(layer, with_status(429)).await.failed(), 1);
    assert_eq!(judged(layer, with_status(500)).await.failed(), 1);
}

#[tokio::test]
async fn a_refusal_of_the_callee_is_a_failure_unless_it_is_told_otherwise() {
    let shed = || {
        let mut response = with_status(503);
        response.headers_mut().insert("x-atrion-shed", "saturated".parse().unwrap());
        response
    };
    assert_eq!(judged(World::layer, shed()).await.failed(), 1);
    let layer =
        |world: &World| world.layer().classify(DefaultClassifier::new().callee_shed(Outcome::Ignored));
    assert_eq!(judged(layer, shed()).await.ignored(), 1);
    assert_eq!(judged(layer, with_status(503)).await.failed(), 1);
}

#[tokio::test]
async fn a_refusal_by_an_inner_layer_says_nothing_to_the_outer_one() {
    let (outer, inner) = (World::with_room_for_one().await, World::with_room_for_one().await);
    let stack = ServiceBuilder::new().layer(outer.layer()).layer(inner.layer());
    let service =
        stack.service_fn(|_: SeenInside| async { Ok::<_, tower::BoxError>(Response::new(body(""))) });
    let in_the_way = inner.atrion.route("unmatched").admit_owned(atrion_core::Tier::Normal).unwrap();
    assert_eq!(service.oneshot(get("/")).await.unwrap().status(), 503);
    drop(in_the_way);
    let counts = outer.counts("unmatched");
    assert_eq!((counts.ignored(), counts.failed()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_is_a_failure_and_can_be_told_from_other_errors() {
    struct Picky;
    impl Classify for Picky {
        fn head(&self, _: &ResponseHead<'_>) -> Verdict {
            Verdict::Known(Outcome::Ignored)
        }
        fn trailers(&self, _: Option<&HeaderMap>) -> Outcome {
            Outcome::Ignored
        }
        fn error(&self, error: &CallError<'_>) -> Outcome {
            if error.find::<Elapsed>().is_some() { Outcome::Failure } else { Outcome::Ignored }
        }
    }
    let world = World::with_room_for_one().await;
    for layer in [world.layer(), world.layer().classify(Picky)] {
        let hangs =
            tower::service_fn(|_: Seen| std::future::pending::<Result<Response<Body>, tower::BoxError>>());
        let stack = ServiceBuilder::new().layer(layer).timeout(Duration::from_secs(1));
        let error = stack.service(hangs).oneshot(get("/")).await.map(|_| ()).unwrap_err();
        assert!(error.is::<Elapsed>());
    }
    assert_eq!(world.counts("unmatched").failed(), 2);

    let breaks =
        tower::service_fn(|_: Seen| async { Err::<Response<Body>, _>(std::io::Error::other("reset")) });
    let service = world.layer().classify(Picky).layer(breaks);
    assert!(service.oneshot(get("/")).await.map(|_| ()).is_err());
    assert_eq!(world.counts("unmatched").ignored(), 1);
}

#[test]
fn an_error_is_found_through_its_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);
    let boxed: tower::BoxError = Box::new(Outer(std::io::Error::other("inner")));
    let error = CallError::new(&boxed);
    assert!(error.find::<Outer>().is_some());
    assert_eq!(error.find::<std::io::Error>().unwrap().to_string(), "inner");
    assert!(error.find::<std::fmt::Error>().is_none());
    assert!(CallError::new(&std::fmt::Error).find::<std::fmt::Error>().is_some());
}
