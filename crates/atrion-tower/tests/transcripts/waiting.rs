// SPDX-License-Identifier: Apache-2.0
//! Requests that wait to be admitted.

use std::time::Duration;

use atrion_core::Reason;
use atrion_tower::{CallLayer, RouteNames};
use http::{Request, Response, Version};
use http_body_util::Full;
use tower_test::mock;

use crate::support::{World, begin, body, get, spawn};

const PATIENCE: Duration = Duration::from_millis(50);

impl World {
    fn let_patience_end(&self) {
        self.clock.advance(PATIENCE);
        self.atrion.engine().end_waits(self.atrion.now());
    }

    /// Requests that wait at the gate of the whole service.
    fn queued(&self) -> u64 {
        self.atrion.group("service").gate().snapshot().queued
    }
}

#[tokio::test]
async fn a_request_that_waits_is_called_when_a_place_is_free() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().wait(PATIENCE));
    let first = begin(&mut service, get("/first"));
    let (_, send) = server.next_request().await.unwrap();
    let mut second = tokio_test::task::spawn(begin(&mut service, get("/second")));
    assert!(second.poll().is_pending());
    assert_eq!((world.in_flight("unmatched"), world.queued()), (1, 1));

    send.send_response(Response::new(body("")));
    assert_eq!(first.await.unwrap().status(), 200);
    assert!(second.is_woken() && second.poll().is_pending());
    let (seen, send) = server.next_request().await.unwrap();
    assert_eq!(seen.uri(), "/second");
    send.send_response(Response::new(body("")));
    assert_eq!(second.await.unwrap().status(), 200);
    let counts = world.counts("unmatched");
    assert_eq!((counts.succeeded(), counts.all_shed(), counts.cancelled()), (2, 0, 0));
}

#[tokio::test]
async fn the_end_of_the_patience_is_a_refusal_as_any_other() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) =
        spawn(world.layer().wait(PATIENCE).names(RouteNames::grpc(["/shop/Pay"])));
    let grpc = Request::post("/shop/Pay").version(Version::HTTP_2).header("content-type", "application/grpc");
    let _first = begin(&mut service, get("/shop/Pay"));
    let _in_flight = server.next_request().await.unwrap();
    let [http, grpc] = [get("/shop/Pay"), grpc.body(Full::default()).unwrap()].map(|request| {
        let mut call = tokio_test::task::spawn(begin(&mut service, request));
        assert!(call.poll().is_pending());
        call
    });
    world.let_patience_end();
    assert!(http.is_woken() && grpc.is_woken());
    let (http, grpc) = (http.await.unwrap(), grpc.await.unwrap());
    assert_eq!(http.status(), 503);
    assert_eq!(http.headers()["x-atrion-shed"], "at_cap");
    assert_eq!(grpc.status(), 200);
    assert_eq!(grpc.headers()["grpc-status"], "14");
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_has_never_been_there() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().wait(PATIENCE));
    let first = begin(&mut service, get("/first"));
    let (_, send) = server.next_request().await.unwrap();
    let mut second = tokio_test::task::spawn(begin(&mut service, get("/second")));
    assert!(second.poll().is_pending());
    drop(second);
    assert_eq!(world.queued(), 0);
    send.send_response(Response::new(body("")));
    assert_eq!(first.await.unwrap().status(), 200);
    let counts = world.counts("unmatched");
    assert_eq!((counts.all_admitted(), counts.all_shed(), counts.cancelled()), (1, 0, 0));
}

#[tokio::test]
async fn a_job_waits_instead_of_burning_an_attempt() {
    let world = World::with_room_for_one().await;
    let layer = CallLayer::new(world.atrion.route("jobs")).wait(PATIENCE);
    let (mut service, mut server) = mock::spawn_layer::<&str, u32, _>(layer);
    server.allow(9);
    let first = service.call("first");
    let (_, send) = server.next_request().await.unwrap();
    let [mut second, third] = ["second", "third"].map(|job| {
        let mut call = tokio_test::task::spawn(service.call(job));
        assert!(call.poll().is_pending());
        call
    });
    send.send_response(17);
    assert_eq!(first.await.unwrap(), 17);
    assert!(second.is_woken() && !third.is_woken() && second.poll().is_pending());
    let (job, _working) = server.next_request().await.unwrap();
    assert_eq!(job, "second");
    world.let_patience_end();
    assert!(third.is_woken());
    assert_eq!(third.await.unwrap_err().refused().unwrap().shed().reason(), Reason::AtCap);
}
