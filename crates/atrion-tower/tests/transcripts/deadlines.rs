// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use atrion_core::{Cost, Mono, Priority, Reason, Tier};
use atrion_engine::Config;
use atrion_tower::{AdmissionLayer, Propagate, RouteNames, TrustedHeaders};
use http::{HeaderName, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::support::{Sent, World, body, exchange, get, refused, spawn};

fn with(mut request: Sent, headers: &[(&'static str, &str)]) -> Sent {
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
    }
    request
}

/// A gRPC call as it comes over HTTP/2.
fn call(headers: &[(&'static str, &str)]) -> Sent {
    let mut request = with(get("/svc.Search/Find"), &[("content-type", "application/grpc")]);
    *request.method_mut() = http::Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    with(request, headers)
}

/// What the handler sees of the request, and of its priority.
async fn seen<I>(layer: &AdmissionLayer<I>, request: Sent) -> Request<()>
where
    I: atrion_tower::http::Intake<http_body_util::Full<bytes::Bytes>, Body: Send + 'static>,
{
    let (mut service, mut server) =
        tower_test::mock::spawn_layer::<Request<I::Body>, http::Response<crate::support::Body>, _>(
            layer.clone(),
        );
    server.allow(1);
    assert!(service.poll_ready::<Sent>().is_ready());
    let answer = service.call(request);
    let (seen, send) = server.next_request().await.unwrap();
    send.send_response(http::Response::new(body("")));
    assert_eq!(answer.await.unwrap().status(), 200);
    seen.map(|_| ())
}

fn due(seen: &Request<()>) -> Option<Mono> {
    seen.extensions().get::<Priority>().and_then(|priority| priority.due())
}

#[tokio::test]
async fn a_request_that_comes_too_late_is_refused_with_what_was_to_be_expected() {
    let world = World::new(Config::default()).await;
    let trusted = TrustedHeaders::new().deadlines();
    let layer = world.layer().names(RouteNames::fixed("r")).trust_headers(trusted);
    let (mut service, mut server) = spawn(layer);
    for late in [get("/"), call(&[])] {
        let header = if late.headers().is_empty() { "x-atrion-deadline-ms" } else { "grpc-timeout" };
        let value = if header == "grpc-timeout" { "0m" } else { "0" };
        let answer = refused(&mut service, &mut server, with(late, &[(header, value)])).await;
        assert_eq!(answer.headers()["x-atrion-shed"], "too_late");
        if header == "grpc-timeout" {
            assert_eq!(
                (answer.status(), &answer.headers()["grpc-status"]),
                (200.try_into().unwrap(), &"14".parse().unwrap())
            );
        } else {
            assert_eq!(answer.status(), 503);
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            let document: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!((&document["reason"], &document["expected_ms"]), (&"too_late".into(), &1.into()));
        }
    }
    let soon = with(get("/"), &[("x-atrion-deadline-ms", "5000")]);
    let answer = exchange(&mut service, &mut server, soon, http::Response::new(body(""))).await;
    assert_eq!(answer.status(), 200);
    // By the first gate that they came to.
    assert_eq!(world.counts("r").turned_away(Tier::Normal), 2);
    assert_eq!(world.counts("@service").shed(Tier::Normal, Reason::TooLate), 2);
}

#[tokio::test]
async fn headers_of_deadline_and_cost_are_believed_only_where_the_service_says_so() {
    let world = World::new(Config::default()).await;
    let asking =
        || call(&[("grpc-timeout", "2S"), ("x-atrion-deadline-ms", "1500"), ("x-atrion-cost", "700")]);
    for layer in [world.layer(), world.layer().trust_headers(TrustedHeaders::new())] {
        let seen = seen(&layer, asking()).await;
        assert_eq!(seen.extensions().get::<Priority>(), None);
    }
    let most = Cost::saturating(500);
    let trusted = world.layer().trust_headers(TrustedHeaders::new().deadlines().costs(most));
    let seen_by = seen(&trusted.clone().strip_headers(), asking()).await;
    let priority = *seen_by.extensions().get::<Priority>().unwrap();
    assert_eq!(priority.units(), most);
    assert_eq!(due(&seen_by), Some(world.atrion.now().after(Duration::from_millis(1_500))));
    assert!(
        !seen_by.headers().contains_key("x-atrion-cost") && seen_by.headers().contains_key("grpc-timeout")
    );

    let bad = call(&[("grpc-timeout", "soon"), ("x-atrion-deadline-ms", "-4"), ("x-atrion-cost", "NaN")]);
    assert_eq!(seen(&trusted, bad).await.extensions().get::<Priority>(), None);
    assert_eq!(trusted.malformed_headers(), 3);
    let ruled = trusted.cost(|head| head.uri.path().ends_with("Find").then_some(Cost::saturating(9)));
    let seen = seen(&ruled, asking()).await;
    assert_eq!(seen.extensions().get::<Priority>().unwrap().units().get(), 9);
}

#[tokio::test]
async fn a_client_passes_on_what_is_left_and_never_more() {
    let world = World::new(Config::default()).await;
    let client = AdmissionLayer::client(world.atrion.clone()).propagate(Propagate::Voltage);
    let handler = Priority::from(Tier::High).deadline(world.atrion.now().after(Duration::from_secs(2)));
    world.clock.advance(Duration::from_millis(1_250));
    for (own, told) in [(None, "750000u"), (Some("5S"), "750000u"), (Some("500m"), "500m")] {
        let mut request = call(&[]);
        request.extensions_mut().insert(handler);
        if let Some(own) = own {
            request.headers_mut().insert("grpc-timeout", own.parse().unwrap());
        }
        let seen = seen(&client, request).await;
        assert_eq!(
            (&seen.headers()["grpc-timeout"], &seen.headers()["x-atrion-deadline-ms"]),
            (&told.parse().unwrap(), &"750".parse().unwrap())
        );
        assert_eq!(due(&seen), handler.due());
    }
    // Of another call, passed on with the request.
    let seen = seen(&client, with(get("http://callee/"), &[("x-atrion-deadline-ms", "3")])).await;
    assert!(!seen.headers().contains_key("x-atrion-deadline-ms"));
}
