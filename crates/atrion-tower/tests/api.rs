// SPDX-License-Identifier: Apache-2.0
//! The read-only JSON API, mounted in a router as a user mounts it.
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests do: that is how they speak

use std::time::Duration;

use atrion_core::Tier;
use atrion_engine::{Atrion, Override};
use atrion_state::OverrideKind;
use atrion_tower::api::Api;
use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

const HOSTILE: &str = "GET /<script>alert('x')</script>\"&{id}";

async fn world() -> (Atrion, Router) {
    let atrion = Atrion::builder().connect().await.unwrap();
    let router = Router::new().nest_service("/atrion", Api::new(&atrion));
    (atrion, router)
}

async fn ask(router: &Router, method: &str, path: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, body) = (response.status(), response.into_body().collect().await.unwrap().to_bytes());
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn get(router: &Router, path: &str) -> Value {
    let (status, value) = ask(router, "GET", path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {value}");
    value
}

#[tokio::test]
async fn a_route_is_shown_with_every_term_and_every_tier() {
    let (atrion, router) = world().await;
    let route = atrion.route(HOSTILE);
    for _ in 0..5 {
        route.admit(Tier::High).unwrap().finish(atrion_core::Outcome::Success);
    }
    // Counts are those of the last tick, and the clock is the machine's.
    while route.snapshot().counts.all_admitted() < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let state = get(&router, "/atrion/v1/state").await;
    let shown = state["routes"].as_array().unwrap().iter().find(|route| route["name"] == HOSTILE).unwrap();
    assert_eq!((&shown["mode"], &state["degraded"]), (&"bootstrap".into(), &false.into()));
    let terms = shown["terms_ohm"].as_object().unwrap();
    let sum: f64 = terms.values().map(|term| term.as_f64().unwrap()).sum();
    assert!(terms.len() == 7 && (sum - shown["resistance_ohm"].as_f64().unwrap()).abs() < 1e-9);
    let tiers: Vec<_> =
        shown["tiers"].as_array().unwrap().iter().map(|t| t["admitted"].as_u64().unwrap()).collect();
    assert_eq!(tiers, [0, 5, 0, 0, 0]);
    assert_eq!(shown["outcomes"]["succeeded"], 5);

    let name: String = HOSTILE.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(get(&router, &format!("/atrion/v1/route?name={name}")).await, *shown);
    assert_eq!(ask(&router, "GET", "/atrion/v1/route?name=other").await.0, StatusCode::NOT_FOUND);
    assert_eq!(atrion.snapshot().routes.len(), 2, "asking for a route makes none");
}

#[tokio::test]
async fn events_overrides_and_refusals_can_be_followed() {
    let (atrion, router) = world().await;
    let route = atrion.route("r");
    assert_eq!(get(&router, "/atrion/v1/refusals").await["refusals"], Value::Array(vec![]));
    let (kind, reason) = (OverrideKind::ForceOpen, "the callee is moved".to_owned());
    atrion.overrides().set(&route, Override { kind, reason, time_to_live: Duration::from_secs(60) }).unwrap();
    assert!(route.admit(Tier::Critical).is_err());
    let page = loop {
        let page = get(&router, "/atrion/v1/events?after=0").await;
        if page["next"] != 0 {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((&page["next"], &page["events"][0]["kind"]), (&1.into(), &"override_set".into()));
    assert_eq!(get(&router, "/atrion/v1/events?after=1").await["events"], Value::Array(vec![]));
    let refusal = get(&router, "/atrion/v1/refusals").await["refusals"][0].clone();
    assert_eq!((&refusal["reason"], &refusal["tier"]), (&"forced_open".into(), &"critical".into()));
    assert!(refusal["terms_ohm"]["base"].as_f64().unwrap() > 0.0);
    let shown = get(&router, "/atrion/v1/route?name=r").await;
    assert_eq!(shown["override"]["reason"], "the callee is moved");
    assert!((59.0..=60.0).contains(&shown["override"]["ends_in_s"].as_f64().unwrap()));
    assert!(atrion.overrides().lift_as(&route, "ana"));
    let ended = loop {
        let page = get(&router, "/atrion/v1/events?after=1").await;
        if page["next"] != 1 {
            break page["events"][0].clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(
        (&ended["kind"], &ended["text"]),
        (&"override_ended".into(), &"force open lifted by ana".into())
    );
    assert_eq!(ended["details"], serde_json::json!({ "override": "force_open", "lifted_by": "ana" }));
}

#[tokio::test]
async fn it_only_looks_and_says_what_is_wrong_with_a_question() {
    let (_atrion, router) = world().await;
    assert_eq!(get(&router, "/atrion/v1").await["version"], 1);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(ask(&router, method, "/atrion/v1/state").await.0, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(ask(&router, "HEAD", "/atrion/v1/state").await, (StatusCode::OK, Value::Null));
    let (status, problem) = ask(&router, "GET", "/atrion/v1/events?after=x").await;
    assert_eq!((status, &problem["status"]), (StatusCode::BAD_REQUEST, &400.into()));
    assert_eq!(ask(&router, "GET", "/atrion/v1/route").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(&router, "GET", "/atrion/v2/state").await.0, StatusCode::NOT_FOUND);
}
