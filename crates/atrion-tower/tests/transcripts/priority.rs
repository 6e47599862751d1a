// SPDX-License-Identifier: Apache-2.0

use atrion_core::{Priority, Tenant, Tier, Volts};
use atrion_engine::tenant_of;
use atrion_tower::http::Intake;
use atrion_tower::{AdmissionLayer, Cohort, Propagate, TrustedHeaders};
use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::Full;

use crate::support::{Body, Sent, World, body, get};

/// What the server sees of `request`.
async fn seen<I>(layer: &AdmissionLayer<I>, request: Sent) -> Request<()>
where
    I: Intake<Full<Bytes>, Body: Send + 'static>,
{
    let (mut service, mut server) =
        tower_test::mock::spawn_layer::<Request<I::Body>, Response<Body>, _>(layer.clone());
    server.allow(1);
    assert!(service.poll_ready::<Sent>().is_ready());
    let call = service.call(request);
    let (seen, send) = server.next_request().await.unwrap();
    send.send_response(Response::new(body("")));
    assert_eq!(call.await.unwrap().status(), 200);
    seen.map(|_| ())
}

fn priority_of(seen: &Request<()>) -> Option<Priority> {
    seen.extensions().get::<Priority>().copied()
}

fn asking(headers: &[(&'static str, &'static str)]) -> Sent {
    let mut request = get("/");
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn headers_are_not_believed_unless_the_service_says_so() {
    let world = World::with_room_for_one().await;
    let layer = world.layer();
    let request = asking(&[("x-atrion-tier", "critical"), ("x-atrion-voltage", "99")]);
    let seen = seen(&layer, request).await;
    assert_eq!(priority_of(&seen), None);
    assert_eq!(seen.headers()["x-atrion-tier"], "critical");
    assert_eq!(world.counts("unmatched").admitted(Tier::Normal), 1);
    assert_eq!(layer.malformed_headers(), 0);
}

#[tokio::test]
async fn headers_that_are_not_believed_can_be_kept_from_the_service() {
    let world = World::with_room_for_one().await;
    let layer = world.layer().strip_headers();
    for layer in [layer.clone(), layer.unguarded(|_| true)] {
        let request = asking(&[("x-atrion-tier", "critical"), ("x-atrion-voltage", "99"), ("x-other", "1")]);
        let seen = seen(&layer, request).await;
        let left: Vec<_> = seen.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-other"]);
    }
}

#[tokio::test]
async fn trusted_headers_decide_up_to_the_ceiling() {
    let world = World::with_room_for_one().await;
    let layer = world.layer().trust_headers(TrustedHeaders::new().ceiling(Tier::High));
    let asked = seen(&layer, asking(&[("x-atrion-tier", "low")])).await;
    assert_eq!(priority_of(&asked), Some(Priority::tier(Tier::Low)));
    seen(&layer, asking(&[("x-atrion-tier", "critical")])).await;
    seen(&layer, asking(&[("x-atrion-voltage", "1000")])).await;
    let counts = world.counts("unmatched");
    assert_eq!((counts.admitted(Tier::Low), counts.admitted(Tier::High)), (1, 2));
    assert_eq!(counts.admitted(Tier::Critical), 0);
}

#[tokio::test]
async fn a_trusted_header_that_cannot_be_read_gives_the_default_and_is_counted() {
    let world = World::with_room_for_one().await;
    let layer = world.layer().trust_headers(TrustedHeaders::new()).default_priority(Tier::Low);
    seen(&layer, asking(&[("x-atrion-tier", "vip")])).await;
    seen(&layer, asking(&[("x-atrion-voltage", "NaN")])).await;
    seen(&layer, asking(&[("x-atrion-tier", "low"), ("x-atrion-tier", "critical")])).await;
    assert_eq!(layer.malformed_headers(), 3);
    assert_eq!(world.counts("unmatched").admitted(Tier::Low), 3);
}

#[tokio::test]
async fn the_nearer_word_wins() {
    let world = World::with_room_for_one().await;
    let layer = world
        .layer()
        .trust_headers(TrustedHeaders::new())
        .priority(|head| (head.uri.path() == "/pay").then(|| Priority::tier(Tier::High)));
    let request = |path: &str| {
        let mut request = asking(&[("x-atrion-tier", "bulk")]);
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    let by_extension = |value: Priority| {
        let mut request = request("/pay");
        request.extensions_mut().insert(value);
        request
    };
    let mut by_tier = request("/pay");
    by_tier.extensions_mut().insert(Tier::Low);

    let of = async |request| priority_of(&seen(&layer, request).await).unwrap();
    assert_eq!(of(request("/browse")).await, Priority::tier(Tier::Bulk));
    assert_eq!(of(request("/pay")).await, Priority::tier(Tier::High));
    let volts = Priority::volts(Volts::new(40.0).unwrap());
    assert_eq!(of(by_extension(volts)).await, volts);
    assert_eq!(of(by_tier).await, Priority::tier(Tier::Low));
}

#[tokio::test]
async fn a_cohort_comes_from_an_extension_or_a_trusted_header() {
    let world = World::with_room_for_one().await;
    let user = HeaderName::from_static("x-user");
    let layer = world.layer().trust_headers(TrustedHeaders::new().cohort(user));
    let normal = Priority::tier(Tier::Normal);
    let by_header = seen(&layer, asking(&[("x-user", "ada")])).await;
    assert_eq!(priority_of(&by_header), Some(normal.cohort(Cohort::of("ada").key())));
    let mut request = asking(&[("x-user", "ada"), ("x-atrion-tier", "high")]);
    request.extensions_mut().insert(Cohort::from_hash(7));
    let by_extension = seen(&layer, request).await;
    assert_eq!(priority_of(&by_extension), Some(Priority::tier(Tier::High).cohort(7)));
    let mut request = asking(&[("x-user", "ada")]);
    request.extensions_mut().insert(normal.cohort(9));
    let nearer = seen(&layer, request).await;
    assert_eq!(priority_of(&nearer), Some(normal.cohort(9)));
    let untrusted = seen(&world.layer(), asking(&[("x-user", "ada")])).await;
    assert_eq!(priority_of(&untrusted), None);
}

#[tokio::test]
async fn two_cohorts_are_none_and_are_counted() {
    let world = World::with_room_for_one().await;
    let user = HeaderName::from_static("x-user");
    let layer = world.layer().trust_headers(TrustedHeaders::new().cohort(user));
    let twice = seen(&layer, asking(&[("x-user", "ada"), ("x-user", "bob")])).await;
    assert_eq!((priority_of(&twice), layer.malformed_headers()), (None, 1));
}

#[tokio::test]
async fn a_client_tells_its_callee_what_it_was_told_to() {
    let world = World::with_room_for_one().await;
    let client = AdmissionLayer::client(world.atrion.clone());
    let mut request = asking(&[("x-atrion-voltage", "99")]);
    request.extensions_mut().insert(Tier::High);
    let silent = seen(&client, request.clone()).await;
    assert!(!silent.headers().contains_key("x-atrion-tier"));

    let tier = seen(&client.clone().propagate(Propagate::Tier), request.clone()).await;
    assert_eq!(tier.headers()["x-atrion-tier"], "high");
    assert!(!tier.headers().contains_key("x-atrion-voltage"), "it is of another priority");

    let exact = seen(&client.propagate(Propagate::Voltage), request).await;
    assert_eq!(exact.headers()["x-atrion-tier"], "high");
    let sent: f64 = exact.headers()["x-atrion-voltage"].to_str().unwrap().parse().unwrap();
    assert_eq!(Tier::of(Volts::new(sent).unwrap()), Tier::High);
    // A callee that trusts it judges the same voltage as the gate here.
    let mut request = get("/");
    *request.headers_mut() = exact.headers().clone();
    let heard = seen(&world.layer().trust_headers(TrustedHeaders::new()), request).await;
    let Some(heard) = priority_of(&heard) else { panic!("the callee has not heard") };
    assert_eq!(heard, Priority::volts(Volts::new(sent).unwrap()));
    assert_eq!(priority_of(&exact), Some(heard));
}

#[tokio::test]
async fn a_tenant_comes_from_an_extension_the_services_rule_or_a_trusted_header_in_this_order() {
    let world = World::with_room_for_one().await;
    let tenant = |seen: &Request<()>| priority_of(seen).and_then(Priority::of_tenant);
    let told = [("x-tenant", "acme"), ("x-customer", "umbrella")];

    let plain = world.layer();
    assert_eq!(tenant(&seen(&plain, asking(&told)).await), None, "a header is not believed by itself");

    let trusted = plain.trust_headers(TrustedHeaders::new().tenant(HeaderName::from_static("x-tenant")));
    assert_eq!(tenant(&seen(&trusted, asking(&told)).await), Some(tenant_of("acme")));
    assert_eq!(tenant(&seen(&trusted, asking(&[])).await), None);
    let twice = [("x-tenant", "acme"), ("x-tenant", "umbrella")];
    assert_eq!(tenant(&seen(&trusted, asking(&twice)).await), None);
    assert_eq!(trusted.malformed_headers(), 1);

    let ruled = trusted.tenant(|head| head.headers.get("x-customer").map(tenant_of));
    assert_eq!(tenant(&seen(&ruled, asking(&told)).await), Some(tenant_of("umbrella")));

    let mut request = asking(&told);
    let known = Tenant::new(7).with_weight(2.0);
    request.extensions_mut().insert(known);
    assert_eq!(tenant(&seen(&ruled, request).await), Some(known));

    // What the priority says itself stays, and its tier does not keep the tenant away.
    let mut request = asking(&told);
    request.extensions_mut().insert(Priority::tier(Tier::High));
    assert_eq!(
        priority_of(&seen(&ruled, request).await),
        Some(Priority::tier(Tier::High).tenant(tenant_of("umbrella")))
    );
}
