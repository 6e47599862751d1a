// SPDX-License-Identifier: Apache-2.0
//! The gate of the whole service, and what goes without it.

use atrion_core::Tier;
use atrion_engine::{Config, RouteConfig};
use atrion_tower::{AdmissionLayer, RouteNames};
use http::Response;
use http_body_util::BodyExt as _;

use crate::support::{Answer, Body, Sent, World, body, get, spawn};

/// Routes named by their paths.
fn by_path(layer: AdmissionLayer) -> AdmissionLayer {
    layer.names(RouteNames::by(|head| Some(head.uri.path().into())))
}

fn config() -> Config {
    Config::default().group("service", RouteConfig::default().cap(1))
}

fn has_group(world: &World) -> bool {
    world.atrion.snapshot().routes.iter().any(|row| row.is_group)
}

/// What the layer answers to a request for `/b` while one for `/a` is in flight.
async fn while_another_route_is_busy(world: &World, layer: AdmissionLayer) -> Answer {
    let (mut service, mut server) = spawn(by_path(layer));
    assert!(service.poll_ready().is_ready());
    let first = service.call(get("/a"));
    let (_, busy) = server.next_request().await.unwrap();
    assert_eq!(world.in_flight("/a"), 1);
    assert!(service.poll_ready().is_ready());
    let second = service.call(get("/b"));
    let answer = tokio::spawn(second);
    tokio::task::yield_now().await;
    if !answer.is_finished() {
        let (_, other) = server.next_request().await.unwrap();
        other.send_response(Response::new(body("b")));
    }
    busy.send_response(Response::new(body("a")));
    assert_eq!(first.await.unwrap().status(), 200);
    answer.await.unwrap().unwrap()
}

#[tokio::test]
async fn the_routes_of_a_service_share_its_gate_by_default() {
    let world = World::new(config()).await;
    let answer = while_another_route_is_busy(&world, world.layer()).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-atrion-shed"]),
        (503, &"at_cap".parse().unwrap())
    );
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&document["route"], &document["group"]), (&"/b".into(), &"service".into()));
    assert!(document["detail"].as_str().unwrap().starts_with("@service refused"), "{document}");
    assert_eq!(world.in_flight("@service"), 0);
    assert_eq!(world.counts("/b").turned_away(Tier::Normal), 1);
}

#[tokio::test]
async fn each_route_alone_knows_no_gate_of_the_service() {
    let world = World::new(config()).await;
    let answer = while_another_route_is_busy(&world, world.layer().each_route_alone()).await;
    assert_eq!(answer.status(), 200);
    assert!(!has_group(&world));
}

#[tokio::test]
async fn another_group_and_the_configuration_go_before_the_default() {
    let world = World::new(config()).await;
    assert_eq!(while_another_route_is_busy(&world, world.layer().group("pool")).await.status(), 200);
    assert_eq!(world.counts("@pool").all_admitted(), 2);

    let own = config().route("/b", RouteConfig::default().group("reports"));
    world.atrion.replace_config(own).unwrap();
    assert_eq!(while_another_route_is_busy(&world, world.layer()).await.status(), 200);
    assert_eq!(world.counts("@reports").all_admitted(), 1);

    let alone = config().route("/b", RouteConfig::default().alone());
    world.atrion.replace_config(alone).unwrap();
    assert_eq!(while_another_route_is_busy(&world, world.layer()).await.status(), 200);
}

#[tokio::test]
async fn callees_of_a_client_share_no_gate() {
    let world = World::new(config()).await;
    let client = AdmissionLayer::client(world.atrion.clone());
    let (mut service, mut server) = tower_test::mock::spawn_layer::<Sent, Response<Body>, _>(client);
    server.allow(1);
    assert!(service.poll_ready().is_ready());
    let call = service.call(get("http://callee.example/"));
    let (_, respond) = server.next_request().await.unwrap();
    respond.send_response(Response::new(body("")));
    assert_eq!(call.await.unwrap().status(), 200);
    assert_eq!(world.atrion.route("callee.example").group(), None);
    assert!(!has_group(&world));
}
