// SPDX-License-Identifier: Apache-2.0

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_core::{Reason, Tier};
use atrion_engine::{Override, Shed};
use atrion_state::OverrideKind;
use atrion_tower::{Detail, PROBLEM_TYPE, RouteNames};
use http::{Request, Response, Version};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::support::{Answer, SeenInside, World, begin, body, exchange, get, refused, spawn};

async fn document(answer: Answer) -> Value {
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn what_is_over_capacity_gets_a_503_with_a_problem_document() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let first = begin(&mut service, get("/"));
    let (_, send) = server.next_request().await.unwrap();

    let answer = refused(&mut service, &mut server, get("/")).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["x-atrion-shed"], "at_cap");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let seconds: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
    assert!(!answer.headers().contains_key("x-atrion-decision"));
    let shed = *answer.extensions().get::<Shed>().unwrap();
    assert_eq!(shed.reason(), Reason::AtCap);
    let length = answer.body().size_hint().exact().unwrap();
    let document = document(answer).await;
    assert_eq!(length, serde_json::to_vec(&document).unwrap().len() as u64);
    assert_eq!(document["type"], PROBLEM_TYPE);
    assert_eq!(document["title"], "Request shed");
    assert_eq!(document["status"], 503);
    assert_eq!(document["route"], "unmatched");
    assert_eq!(document["reason"], "at_cap");
    assert!(document["detail"].as_str().unwrap().starts_with("unmatched refused a request of "));
    assert!((document["resistance"].as_f64().unwrap() - shed.resistance().get()).abs() <= 0.05);
    assert!((document["voltage"].as_f64().unwrap() - shed.voltage().get()).abs() <= 0.05);
    assert_eq!(document["retry_after_ms"], shed.retry_after().as_nanos().div_ceil(1_000_000) as u64);

    send.send_response(Response::new(body("done")));
    let answer = first.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "done");
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(body(""))).await;
    assert_eq!(answer.status(), 200, "there is room again");
}

#[tokio::test]
async fn a_callback_is_called_with_every_refusal_and_with_nothing_else() {
    let world = World::with_room_for_one().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let layer = world.layer().on_refusal(move |route, shed| {
        hears.lock().unwrap().push((route.id().to_string(), shed.reason()));
    });
    let (mut service, mut server) = spawn(layer);
    let first = begin(&mut service, get("/"));
    let (_, send) = server.next_request().await.unwrap();
    assert!(heard.lock().unwrap().is_empty());
    for _ in 0..2 {
        refused(&mut service, &mut server, get("/")).await;
    }
    send.send_response(Response::new(body("done")));
    first.await.unwrap();
    let expected = ("unmatched".to_owned(), Reason::AtCap);
    assert_eq!(*heard.lock().unwrap(), [expected.clone(), expected]);
}

#[tokio::test]
async fn a_refusal_tells_as_much_as_it_may() {
    for (detail, marker, keys) in [
        (
            Detail::Full,
            "forced_open",
            vec![
                "detail",
                "reason",
                "resistance",
                "retry_after_ms",
                "route",
                "status",
                "title",
                "type",
                "voltage",
            ],
        ),
        (
            Detail::Reason,
            "forced_open",
            vec!["detail", "reason", "retry_after_ms", "route", "status", "title", "type"],
        ),
        (Detail::Minimal, "1", vec!["detail", "retry_after_ms", "status", "title", "type"]),
    ] {
        let world = World::with_room_for_one().await;
        force_open(&world, "unmatched");
        let (mut service, mut server) = spawn(world.layer().detail(detail));
        let answer = refused(&mut service, &mut server, get("/")).await;
        assert_eq!(answer.headers()["x-atrion-shed"], marker);
        let document = document(answer).await;
        let found: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, keys, "{detail:?}");
        let text = document["detail"].as_str().unwrap();
        assert_eq!(text.contains('Ω'), detail == Detail::Full, "{text}");
        assert_eq!(text.contains("unmatched"), detail != Detail::Minimal, "{text}");
    }
}

#[tokio::test]
async fn a_hostile_route_name_breaks_neither_json_nor_headers() {
    let name = "a\"}],\\ \u{2028}</script> %0d%0a ü";
    let world = World::with_room_for_one().await;
    force_open(&world, name);
    let layer = world.layer().names(RouteNames::fixed(name));
    let (mut service, mut server) = spawn(layer);
    let answer = refused(&mut service, &mut server, get("/")).await;
    assert_eq!(document(answer).await["route"], json!(name));
    let request = Request::post("/").version(Version::HTTP_2).header("content-type", "application/grpc");
    let request = request.body(Full::default()).unwrap();
    let answer = refused(&mut service, &mut server, request).await;
    let message = answer.headers()["grpc-message"].to_str().unwrap();
    assert!(message.starts_with("a\"}],\\ %E2%80%A8</script> %250d%250a %C3%BC refused"), "{message}");
}

#[tokio::test]
async fn decisions_are_shown_on_request() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().show_decision());
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(body(""))).await;
    assert_eq!(answer.headers()["x-atrion-decision"], "admitted");
    force_open(&world, "unmatched");
    let answer = refused(&mut service, &mut server, get("/")).await;
    assert_eq!(answer.headers()["x-atrion-decision"], "shed");
}

#[tokio::test]
async fn a_refusal_of_an_inner_layer_is_shown_as_one() {
    let world = World::with_room_for_one().await;
    force_open(&world, "inner");
    let inner = world.layer().names(RouteNames::fixed("inner"));
    let stack = ServiceBuilder::new().layer(world.layer().show_decision()).layer(inner);
    let service =
        stack.service(service_fn(async |_: SeenInside| Ok::<_, Infallible>(Response::new(body("")))));
    let answer = service.oneshot(get("/")).await.unwrap();
    assert_eq!(answer.headers()["x-atrion-shed"], "forced_open");
    assert_eq!(answer.headers()["x-atrion-decision"], "shed");
}

#[tokio::test]
async fn refusals_are_counted_by_tier_and_reason() {
    let world = World::with_room_for_one().await;
    force_open(&world, "unmatched");
    let (mut service, mut server) = spawn(world.layer().default_priority(Tier::Bulk));
    for _ in 0..3 {
        let _ = refused(&mut service, &mut server, get("/")).await;
    }
    let counts = world.counts("unmatched");
    assert_eq!(counts.shed(Tier::Bulk, Reason::ForcedOpen), 3);
    assert_eq!((counts.all_shed(), counts.all_admitted()), (3, 0));
}

fn force_open(world: &World, route: &str) {
    let reason = "a test".to_owned();
    let wanted = Override { kind: OverrideKind::ForceOpen, reason, time_to_live: Duration::from_secs(60) };
    world.atrion.overrides().set(&world.atrion.route(route), wanted).unwrap();
}
