// SPDX-License-Identifier: Apache-2.0
//! Load reports for balancers.

use std::time::Duration;

use atrion_core::{Outcome, Tier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};

use crate::support::{World, begin, body, exchange, get, refused, spawn};

/// A service that has been working for some seconds: twenty answers a second of 50 ms.
async fn at_work() -> World {
    let world = World::with_room_for_one().await;
    let route = world.atrion.group("service").route("unmatched");
    for _ in 0..100 {
        let permit = route.admit(Tier::Normal).unwrap();
        world.clock.advance(Duration::from_millis(50));
        permit.finish(Outcome::Success);
        world.atrion.engine().pulse(world.atrion.now());
    }
    world
}

/// The report of a header, as a balancer reads it.
fn read(text: &HeaderValue) -> Vec<(String, f64)> {
    let text = text.to_str().unwrap().strip_prefix("TEXT ").unwrap();
    let pairs = text.split(',').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

#[tokio::test]
async fn answers_and_refusals_say_how_loaded_the_service_is() {
    let world = at_work().await;
    let (mut service, mut server) = spawn(world.layer().orca());
    let first = exchange(&mut service, &mut server, get("/"), Response::new(body("x"))).await;
    assert!(!first.headers().contains_key("endpoint-load-metrics"), "nothing was seen so far");
    for _ in 0..40 {
        let held = begin(&mut service, get("/"));
        let (_, send) = server.next_request().await.unwrap();
        world.clock.advance(Duration::from_millis(50));
        let refusal = refused(&mut service, &mut server, get("/")).await;
        assert_eq!(refusal.headers()["x-atrion-shed"], "at_cap");
        send.send_response(Response::new(body("x")));
        held.await.unwrap();
        world.atrion.engine().pulse(world.atrion.now());
    }
    let refusal = {
        let _held = begin(&mut service, get("/"));
        let _in_flight = server.next_request().await.unwrap();
        refused(&mut service, &mut server, get("/")).await
    };
    let report = read(&refusal.headers()["endpoint-load-metrics"]);
    let names: Vec<_> = report.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["application_utilization", "rps_fractional", "eps"]);
    let (target, rate) = (world.atrion.group("service").gate().snapshot().target, report[1].1);
    assert!((report[0].1 - 1.0 / target).abs() < 0.5 / target, "{report:?}, N* {target}");
    assert!((10.0..25.0).contains(&rate) && report[2].1 == 0.0, "{report:?}");
}

#[tokio::test]
async fn grpc_has_the_report_where_it_has_the_status() {
    let world = at_work().await;
    let (mut service, mut server) = spawn(world.layer().orca());
    let call = || {
        let request = Request::post("/shop.Checkout/Pay").version(Version::HTTP_2);
        request.header("content-type", "application/grpc").body(Full::<Bytes>::default()).unwrap()
    };
    for number in 0..10 {
        let trailers =
            HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
        let message = Full::new(Bytes::from_static(b"\0\0\0\0\0"));
        let message = message.with_trailers(std::future::ready(Some(Ok(trailers))));
        let message = message.map_err(|never| match never {}).boxed_unsync();
        let answer = Response::builder().header("content-type", "application/grpc").body(message).unwrap();
        let held = begin(&mut service, call());
        let (_, send) = server.next_request().await.unwrap();
        world.clock.advance(Duration::from_millis(150));
        send.send_response(answer);
        let answer = held.await.unwrap();
        let (head, body) = answer.into_parts();
        assert!(!head.headers.keys().any(|name| name.as_str().starts_with("endpoint-load")));
        let end = body.collect().await.unwrap();
        world.atrion.engine().pulse(world.atrion.now());
        let told = end.trailers().unwrap().contains_key("endpoint-load-metrics-bin");
        assert_eq!(told, number > 0, "the first has seen nothing so far");
    }
    let _held = begin(&mut service, call());
    let _in_flight = server.next_request().await.unwrap();
    let refusal = refused(&mut service, &mut server, call()).await;
    assert_eq!(refusal.headers()["grpc-status"], "14");
    let wire = STANDARD.decode(&refusal.headers()["endpoint-load-metrics-bin"]).unwrap();
    assert_eq!(wire.iter().step_by(9).copied().collect::<Vec<_>>(), [0x31, 0x39, 0x49], "the fields 6, 7, 9");
    assert!(!refusal.headers().contains_key("endpoint-load-metrics"), "one form alone");
}

#[tokio::test]
async fn without_it_or_without_a_group_nothing_is_told() {
    let world = at_work().await;
    for layer in [world.layer(), world.layer().orca().each_route_alone()] {
        let (mut service, mut server) = spawn(layer);
        for _ in 0..5 {
            world.clock.advance(Duration::from_millis(200));
            let answer = exchange(&mut service, &mut server, get("/"), Response::new(body("x"))).await;
            assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("endpoint-load")));
        }
    }
}
