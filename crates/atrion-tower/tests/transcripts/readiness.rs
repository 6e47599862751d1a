// SPDX-License-Identifier: Apache-2.0

use http::{Request, Response};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt as _};
use tower_test::mock;

use crate::support::{Body, World, begin, body, get, spawn};

#[tokio::test]
async fn a_service_is_ready_when_the_inner_one_is() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = mock::spawn_layer::<Request<()>, Response<Body>, _>(world.layer());
    server.allow(0);
    assert!(service.poll_ready::<Request<()>>().is_pending());
    server.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Request<()>>().is_ready());
}

#[tokio::test]
async fn idle_connections_hold_nothing() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let mut idle: Vec<_> = (0..100).map(|_| mock::Spawn::new(service.get_ref().clone())).collect();
    for connection in &mut idle {
        assert!(connection.poll_ready::<Request<()>>().is_ready());
    }
    let call = begin(&mut service, get("/"));
    let (_, send) = server.next_request().await.unwrap();
    send.send_response(Response::new(body("")));
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_refused_call_gives_back_what_readiness_had_reserved() {
    let world = World::with_room_for_one().await;
    let stack = ServiceBuilder::new().layer(world.layer()).layer(ConcurrencyLimitLayer::new(1));
    let (inner, mut server) = mock::pair::<Request<()>, Response<Body>>();
    server.allow(1_000);
    let mut connection = mock::Spawn::new(stack.service(inner));
    let mut other = mock::Spawn::new(connection.get_ref().clone());

    let in_the_way = world.atrion.route("http").admit_owned(atrion_core::Tier::Normal).unwrap();
    assert!(connection.poll_ready::<Request<()>>().is_ready());
    assert!(other.poll_ready::<Request<()>>().is_pending(), "the only slot is reserved");
    assert_eq!(connection.call(get("/")).await.unwrap().status(), 503);
    assert!(other.poll_ready::<Request<()>>().is_ready(), "the refused connection keeps the slot");
    drop(in_the_way);
}

#[tokio::test]
async fn a_dropped_future_counts_as_cancelled() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let call = begin(&mut service, get("/"));
    let (_, _send) = server.next_request().await.unwrap();
    assert_eq!(world.in_flight("http"), 1);
    drop(call);
    assert_eq!(world.in_flight("http"), 0);
    assert_eq!(world.counts("http").cancelled(), 1);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_leaks_nothing() {
    let world = World::with_room_for_one().await;
    async fn handler(request: Request<()>) -> Result<Response<Body>, tower::BoxError> {
        assert_eq!(request.uri().path(), "/never", "a bug in a handler");
        Ok(Response::new(body("")))
    }
    let service = world.layer().layer(tower::service_fn(handler));
    let task = tokio::spawn(async move { service.oneshot(get("/")).await.map(|_| ()) });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(world.in_flight("http"), 0);
    let counts = world.counts("http");
    assert_eq!((counts.failed(), counts.cancelled()), (1, 0));
}

#[tokio::test]
async fn a_panic_that_outer_middleware_catches_is_a_failure_as_well() {
    let world = World::with_room_for_one().await;
    // A panic in `call`, before there is a future.
    let at_once = |_: Request<()>| -> std::future::Ready<Result<Response<Body>, tower::BoxError>> {
        panic!("a bug in a service")
    };
    let mut service = world.layer().layer(tower::service_fn(at_once));
    let call = std::panic::AssertUnwindSafe(|| service.call(get("/")));
    assert!(std::panic::catch_unwind(call).is_err());
    // A panic in the future, which is dropped after the unwinding.
    let later =
        async |_: Request<()>| -> Result<Response<Body>, tower::BoxError> { panic!("a bug in a handler") };
    let mut service = world.layer().layer(tower::service_fn(later));
    let mut call = tokio_test::task::spawn(service.call(get("/")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.poll())).is_err());
    drop(call);
    let counts = world.counts("http");
    assert_eq!((counts.failed(), counts.cancelled()), (2, 0));
}
