// SPDX-License-Identifier: Apache-2.0

use http::Response;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt as _};
use tower_test::mock;

use crate::support::{Body, Seen, Sent, World, begin, body, get, spawn};

#[tokio::test]
async fn the_inner_service_is_waited_for_with_the_permit_held() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = mock::spawn_layer::<Seen, Response<Body>, _>(world.layer());
    server.allow(0);
    assert!(service.poll_ready::<Sent>().is_ready());
    let mut call = tokio_test::task::spawn(service.call(get("/")));
    assert!(call.poll().is_pending());
    assert_eq!(world.in_flight("unmatched"), 1, "the wait is in the guard's sight");
    assert_eq!(service.call(get("/")).await.unwrap().status(), 503);

    server.allow(1);
    assert!(call.is_woken());
    assert!(call.poll().is_pending());
    let (_, send) = server.next_request().await.unwrap();
    send.send_response(Response::new(body("")));
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_service_that_will_never_be_ready_has_failed() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = mock::spawn_layer::<Seen, Response<Body>, _>(world.layer());
    server.allow(0);
    assert!(service.poll_ready::<Sent>().is_ready());
    let mut waiting = tokio_test::task::spawn(service.call(get("/")));
    assert!(waiting.poll().is_pending());
    server.send_error("closed");
    assert_eq!(waiting.await.map(|_| ()).unwrap_err().to_string(), "closed");
    let counts = world.counts("unmatched");
    assert_eq!((counts.failed(), counts.cancelled()), (1, 0));
}

#[tokio::test]
async fn idle_connections_hold_nothing() {
    let world = World::with_room_for_one().await;
    let stack = ServiceBuilder::new().layer(world.layer()).layer(ConcurrencyLimitLayer::new(1));
    let (inner, mut server) = mock::pair::<Seen, Response<Body>>();
    server.allow(1_000);
    let mut service = mock::Spawn::new(stack.service(inner));
    let mut idle: Vec<_> = (0..100).map(|_| mock::Spawn::new(service.get_ref().clone())).collect();
    for connection in &mut idle {
        assert!(connection.poll_ready::<Sent>().is_ready());
    }
    assert!(service.poll_ready::<Sent>().is_ready());
    let call = service.call(get("/"));
    let (_, send) = server.next_request().await.unwrap();
    send.send_response(Response::new(body("")));
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_waits_gives_its_place_to_the_next() {
    let world = World::new(atrion_engine::Config::default()).await;
    let stack = ServiceBuilder::new().layer(world.layer()).layer(ConcurrencyLimitLayer::new(1));
    let (inner, mut server) = mock::pair::<Seen, Response<Body>>();
    server.allow(1_000);
    let mut service = mock::Spawn::new(stack.service(inner));
    assert!(service.poll_ready::<Sent>().is_ready());
    let first = service.call(get("/first"));
    let (_, send) = server.next_request().await.unwrap();
    let [mut leaves, mut stays] = ["/leaves", "/stays"].map(|path| {
        let mut call = tokio_test::task::spawn(service.call(get(path)));
        assert!(call.poll().is_pending());
        call
    });
    assert_eq!(world.in_flight("unmatched"), 3);
    assert!(leaves.poll().is_pending());
    drop(leaves);
    assert_eq!(world.in_flight("unmatched"), 2);
    send.send_response(Response::new(body("")));
    assert_eq!(first.await.unwrap().status(), 200);
    assert!(stays.poll().is_pending());
    let (seen, send) = server.next_request().await.unwrap();
    assert_eq!(seen.uri(), "/stays");
    send.send_response(Response::new(body("")));
    assert_eq!(stays.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_dropped_future_counts_as_cancelled() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let call = begin(&mut service, get("/"));
    let (_, _send) = server.next_request().await.unwrap();
    assert_eq!(world.in_flight("unmatched"), 1);
    drop(call);
    assert_eq!(world.in_flight("unmatched"), 0);
    assert_eq!(world.counts("unmatched").cancelled(), 1);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_leaks_nothing() {
    let world = World::with_room_for_one().await;
    async fn handler(request: Seen) -> Result<Response<Body>, tower::BoxError> {
        assert_eq!(request.uri().path(), "/never", "a bug in a handler");
        Ok(Response::new(body("")))
    }
    let service = world.layer().layer(tower::service_fn(handler));
    let task = tokio::spawn(async move { service.oneshot(get("/")).await.map(|_| ()) });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(world.in_flight("unmatched"), 0);
    let counts = world.counts("unmatched");
    assert_eq!((counts.failed(), counts.cancelled()), (1, 0));
}

#[tokio::test]
async fn a_panic_that_outer_middleware_catches_is_a_failure_as_well() {
    let world = World::with_room_for_one().await;
    // A panic in `call`, before there is a future.
    let at_once = |_: Seen| -> std::future::Ready<Result<Response<Body>, tower::BoxError>> {
        panic!("a bug in a service")
    };
    let mut service = world.layer().layer(tower::service_fn(at_once));
    let call = std::panic::AssertUnwindSafe(|| service.call(get("/")));
    assert!(std::panic::catch_unwind(call).is_err());
    // A panic in the future, which is dropped after the unwinding.
    let later = async |_: Seen| -> Result<Response<Body>, tower::BoxError> { panic!("a bug in a handler") };
    let mut service = world.layer().layer(tower::service_fn(later));
    let mut call = tokio_test::task::spawn(service.call(get("/")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.poll())).is_err());
    drop(call);
    let counts = world.counts("unmatched");
    assert_eq!((counts.failed(), counts.cancelled()), (2, 0));
}
