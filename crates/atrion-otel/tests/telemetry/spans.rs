// SPDX-License-Identifier: Apache-2.0
//! A refusal is in the span of its request. A call tree is admitted or refused together.

use std::collections::BTreeMap;
use std::convert::Infallible;

use atrion_core::{Priority, Tier};
use atrion_engine::{Atrion, Config, RouteConfig};
use atrion_otel::{baggage, mark_span};
use atrion_tower::{AdmissionLayer, Propagate, RequestBody, RouteNames};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, Value};
use opentelemetry_sdk::propagation::BaggagePropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::{Instrument as _, field::Empty as Undecided, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

async fn full() -> (Atrion, atrion_engine::OwnedPermit) {
    let default = RouteConfig::default().cap(1);
    let atrion = Atrion::builder().config(Config { default, ..Config::default() }).connect().await.unwrap();
    let permit = atrion.route("GET /x").admit_owned(Tier::Critical).unwrap();
    (atrion, permit)
}

fn layer(atrion: &Atrion) -> AdmissionLayer {
    AdmissionLayer::new(atrion.clone()).names(RouteNames::fixed("GET /x"))
}

async fn handler(_: Request<RequestBody<Empty<Bytes>>>) -> Result<Response<Empty<Bytes>>, Infallible> {
    Ok(Response::new(Empty::new()))
}

/// The fields of a span after a request of tier High has met `layer`.
async fn traced(layer: AdmissionLayer, span: impl FnOnce() -> tracing::Span) -> BTreeMap<String, Value> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let opentelemetry = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(opentelemetry));
    let request = {
        let mut request = Request::get("/x").body(Empty::<Bytes>::new()).unwrap();
        request.extensions_mut().insert(Tier::High);
        request
    };
    let response = layer.layer(service_fn(handler)).oneshot(request).instrument(span()).await.unwrap();
    assert_eq!(response.status(), 503);
    let [span] = &exporter.get_finished_spans().unwrap()[..] else { panic!("one request, one span") };
    let ours = span.attributes.iter().filter(|kv| kv.key.as_str().starts_with("atrion."));
    ours.map(|kv| (kv.key.to_string(), kv.value.clone())).collect()
}

#[tokio::test]
async fn a_refusal_is_in_the_current_span_with_every_term_of_the_resistance() {
    let (atrion, _held) = full().await;
    let said = traced(layer(&atrion).on_refusal(mark_span), || info_span!("request")).await;
    for (key, value) in [
        ("atrion.decision", "shed"),
        ("atrion.route", "GET /x"),
        ("atrion.tier", "high"),
        ("atrion.shed.reason", "at_cap"),
        ("atrion.mode", "bootstrap"),
    ] {
        assert_eq!(said.get(key).map(Value::as_str).as_deref(), Some(value), "{key} of {said:?}");
    }
    let number = |key: &str| match said.get(key) {
        Some(Value::F64(number)) => *number,
        other => panic!("{key} is {other:?}"),
    };
    let terms = ["base", "saturation", "momentum", "scar", "staleness", "cluster", "signal"];
    let sum: f64 = terms.map(|term| number(&format!("atrion.resistance.{term}"))).iter().sum();
    assert!((sum - number("atrion.resistance")).abs() < 1e-9 && sum >= 10.0);
    assert!((65.0..82.0).contains(&number("atrion.voltage")));
}

#[tokio::test]
async fn without_opentelemetry_a_span_says_what_it_has_declared() {
    let (atrion, _held) = full().await;
    let declared = || {
        info_span!(
            "request",
            "atrion.decision" = Undecided,
            "atrion.resistance" = Undecided,
            "atrion.tier" = Undecided
        )
    };
    let said = traced(layer(&atrion), declared).await;
    assert_eq!(Vec::from_iter(said.keys()), ["atrion.decision", "atrion.resistance", "atrion.tier"]);
    assert!(traced(layer(&atrion), || info_span!("request")).await.is_empty());
}

/// A root, a middle that does not know Atrion, a leaf: the leaf judges the same voltage as the
/// root.
#[tokio::test]
async fn a_tree_of_calls_keeps_its_place_on_the_ladder_along_the_trace() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let seen =
        |request: &Request<RequestBody<Empty<Bytes>>>| *request.extensions().get::<Priority>().unwrap();
    let root = layer(&atrion).propagate(Propagate::Voltage).layer(service_fn(
        move |request: Request<RequestBody<Empty<Bytes>>>| async move {
            let mut response = Response::new(Empty::<Bytes>::new());
            response.extensions_mut().insert(seen(&request));
            Ok::<_, Infallible>(response)
        },
    ));
    let mut request = Request::get("/x").body(Empty::<Bytes>::new()).unwrap();
    request.extensions_mut().insert(Tier::Low);
    let response = root.oneshot(request).await.unwrap();
    let at_root = *response.extensions().get::<Priority>().unwrap();
    let volts = at_root.resolve(atrion_core::Spread::Band, 0, 0);

    // The root's client writes the trace's headers; the middle hands them on.
    let mut headers = std::collections::HashMap::new();
    BaggagePropagator::new().inject_context(&baggage::carry(&Context::new(), volts), &mut headers);
    let at_leaf = BaggagePropagator::new().extract(&headers);
    assert_eq!(at_leaf.baggage().len(), 2);

    let leaf = layer(&atrion).priority(|_| baggage::priority(&Context::current(), Tier::High)).layer(
        service_fn(move |request: Request<RequestBody<Empty<Bytes>>>| async move {
            let mut response = Response::new(Empty::<Bytes>::new());
            response.extensions_mut().insert(seen(&request));
            Ok::<_, Infallible>(response)
        }),
    );
    let called = {
        let _attached = at_leaf.attach();
        leaf.oneshot(Request::get("/x").body(Empty::<Bytes>::new()).unwrap()).await.unwrap()
    };
    let leaf_volts = called.extensions().get::<Priority>().unwrap().resolve(atrion_core::Spread::Band, 7, 9);
    assert!((leaf_volts.get() - volts.get()).abs() < 1e-3 && Tier::of(leaf_volts) == Tier::Low);
}
