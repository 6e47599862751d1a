// SPDX-License-Identifier: Apache-2.0
//! The number of series is bounded for any number of routes, and nothing is counted twice or lost.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Config, OVERFLOW_ROUTE};
use atrion_otel::{INSTRUMENTS, Telemetry, most_series};
use atrion_testkit::TokioClock;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, Instrument, SdkMeterProvider, Stream, Temporality,
};
use prometheus::Registry;
use tokio::time::sleep;

use crate::support::{Meters, Scrape, Stage, admit_all, ms, work};

const REQUESTS: &str = "atrion_admission_requests_total";
const OTHER: &str = "__other__";

fn admitted(scrape: &Scrape, route: &str) -> f64 {
    scrape.sum(REQUESTS, &[("atrion_route", route), ("atrion_decision", "admitted")]).unwrap_or(0.0)
}

#[tokio::test(start_paused = true)]
async fn routes_beyond_the_bound_share_a_name_and_are_counted() {
    let telemetry = Telemetry::builder().instance("bounded").routes(3);
    let stage = Stage::with(Meters::new(), Config::default(), telemetry, |builder| builder).await;
    for n in 0..10 {
        for _ in 0..=n {
            stage.atrion.route(&format!("r{n}")).admit(Tier::Normal).unwrap().finish(Outcome::Success);
        }
    }
    let held = admit_all(&stage.atrion.route("r9"), 2);
    sleep(ms(300)).await;
    let scrape = stage.scrape();
    assert_eq!(scrape.values("atrion_route"), [OTHER, OVERFLOW_ROUTE, "r0", "r1", "r2"]);
    let routes = |visibility| scrape.sum("atrion_routes", &[("atrion_visibility", visibility)]);
    assert_eq!((routes("own"), routes("other")), (Some(4.0), Some(7.0)));
    assert_eq!(
        (admitted(&scrape, "r2"), admitted(&scrape, OTHER)),
        (3.0, (4..=10).sum::<i32>() as f64 + 2.0)
    );
    assert_eq!(scrape.sum("atrion_admission_active_requests", &[("atrion_route", OTHER)]), Some(2.0));
    drop(held);
    // Where a sum makes no sense the worst is shown: one dead route among others is not averaged
    // away.
    let dead = stage.atrion.route("r9");
    work(&dead, 15).await;
    sleep(ms(1_000)).await;
    admit_all(&dead, 40).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    sleep(ms(200)).await;
    let scrape = stage.scrape();
    assert!(scrape.sum("atrion_route_resistance", &[("atrion_route", OTHER)]).unwrap() >= 100.0);
    let open = [("atrion_route", OTHER), ("atrion_mode", "circuit_breaker")];
    assert_eq!(scrape.sum("atrion_route_mode", &open), Some(1.0));
    let opened = [("atrion_route", OTHER), ("atrion_mode_to", "circuit_breaker")];
    assert_eq!(scrape.sum("atrion_route_mode_transitions_total", &opened), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_forgotten_takes_its_series_along_and_makes_room() {
    let telemetry = Telemetry::builder().instance("forgetful").routes(2);
    let config = Config::default().max_routes(2);
    let stage = Stage::with(Meters::new(), config, telemetry, |builder| builder).await;
    for name in ["a", "b"] {
        stage.atrion.route(name).admit(Tier::Normal).unwrap().finish(Outcome::Success);
    }
    sleep(ms(300)).await;
    assert_eq!(stage.scrape().values("atrion_route"), [OVERFLOW_ROUTE, "a", "b"]);
    // Quiet for long enough; a new route asks for room until an old one is gone.
    let mut rounds = 0;
    while !stage.atrion.snapshot().routes.iter().any(|route| route.id.as_str() == "c") {
        sleep(Duration::from_secs(6)).await;
        let _ = stage.atrion.route("c").admit(Tier::Normal).map(|permit| permit.finish(Outcome::Success));
        rounds += 1;
        assert!(rounds < 200, "no route leaves");
    }
    sleep(ms(300)).await;
    let scrape = stage.scrape();
    let routes = scrape.values("atrion_route");
    assert!(routes.contains(&"c") && routes.len() < 4, "{routes:?}");
    for gone in ["a", "b"].iter().filter(|name| !routes.contains(name)) {
        let left: Vec<_> = scrape
            .samples
            .iter()
            .filter(|s| s.labels.get("atrion_route").is_some_and(|r| r == gone))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A counter that falls is a difference of nearly 2^64 to an exporter with delta temporality.
#[tokio::test(start_paused = true)]
async fn a_route_that_is_forgotten_and_comes_back_within_one_export_never_falls() {
    let exporter = InMemoryMetricExporterBuilder::new().with_temporality(Temporality::Delta).build();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    let telemetry = Telemetry::builder().instance("delta").build(&provider);
    let builder = atrion_engine::Atrion::builder().config(Config::default().max_routes(2));
    let builder = builder.clock(Arc::new(TokioClock::new())).observer(Arc::new(telemetry.clone()));
    let atrion = builder.connect().await.unwrap();
    telemetry.watch(&atrion);
    let known = |name: &str| atrion.snapshot().routes.iter().any(|route| route.id.as_str() == name);
    let once = |name| atrion.route(name).admit(Tier::Normal).unwrap().finish(Outcome::Success);
    (0..5).for_each(|_| ["a", "b"].into_iter().for_each(once));
    sleep(ms(300)).await;
    let mut told = vec![exported(&provider, &exporter).await];
    // No export meanwhile: `c` takes the place of a quiet route, which then takes it back.
    let mut gone = ["a", "b"].into_iter().find(|name| !known(name));
    while gone.is_none() {
        sleep(Duration::from_secs(6)).await;
        once("c");
        gone = ["a", "b"].into_iter().find(|name| !known(name));
    }
    while !known(gone.unwrap()) {
        sleep(Duration::from_secs(6)).await;
        once(gone.unwrap());
    }
    sleep(ms(300)).await;
    told.push(exported(&provider, &exporter).await);
    let of = |export: &Vec<(String, u64)>| {
        let values = export.iter().filter(|(route, _)| route == gone.unwrap());
        values.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    assert_eq!((of(&told[0]), of(&told[1])), (vec![5], vec![1]));
}

/// The differences of admitted requests in one export, by route.
async fn exported(provider: &SdkMeterProvider, exporter: &InMemoryMetricExporter) -> Vec<(String, u64)> {
    let provider = provider.clone();
    tokio::task::spawn_blocking(move || provider.force_flush()).await.unwrap().unwrap();
    let all = exporter.get_finished_metrics().unwrap();
    exporter.reset();
    let mut found = Vec::new();
    for metric in all.iter().flat_map(|one| one.scope_metrics()).flat_map(|scope| scope.metrics()) {
        if metric.name() != "atrion.admission.requests" {
            continue;
        }
        let AggregatedMetrics::U64(MetricData::Sum(sum)) = metric.data() else { panic!("{metric:?}") };
        for point in sum.data_points() {
            let route = point.attributes().find(|attribute| attribute.key.as_str() == "atrion.route");
            found.push((route.unwrap().value.to_string(), point.value()));
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn with_the_bound_as_the_sdks_limit_no_series_is_dropped() {
    const ROUTES: usize = 1_500;
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
    let view = |instrument: &Instrument| {
        let limit = most_series(instrument.name(), 1_000)?;
        Stream::builder().with_cardinality_limit(limit).build().ok()
    };
    let provider = SdkMeterProvider::builder().with_reader(exporter).with_view(view).build();
    let telemetry = Telemetry::builder().instance("wide").build(&provider);
    let atrion = atrion_engine::Atrion::builder().clock(Arc::new(TokioClock::new())).connect().await.unwrap();
    telemetry.watch(&atrion);
    let routes: Vec<_> = (0..ROUTES).map(|n| atrion.route(&format!("r{n}"))).collect();
    for route in &routes {
        for tier in Tier::ALL {
            route.admit(tier).unwrap().finish(Outcome::Success);
        }
    }
    sleep(ms(300)).await;
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(!text.contains("otel_metric_overflow"), "the SDK dropped attributes");
    let requests = text.lines().filter(|line| line.starts_with(REQUESTS)).count();
    // A thousand routes, and `__other__`, with every tier; the overflow route with one.
    assert_eq!(requests, 1_001 * Tier::ALL.len() + 1);
    for instrument in INSTRUMENTS {
        let name = instrument.name.replace('.', "_");
        let series = text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count();
        assert!(series <= most_series(instrument.name, 1_000).unwrap(), "{name} has {series} series");
    }
}

/// Routes come and go in any order: all series together count the same as all routes together, and
/// no series falls.
#[tokio::test(start_paused = true)]
async fn counts_survive_any_coming_and_going() {
    let telemetry = Telemetry::builder().instance("churn").routes(2);
    let config = Config::default().max_routes(6);
    let stage = Stage::with(Meters::new(), config, telemetry, |builder| builder).await;
    let (mut told, mut other) = (0.0, 0.0);
    // A fixed sequence without a pattern.
    let mut state = 1_u64;
    for _ in 0..120 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = format!("r{}", (state >> 33) % 12);
        stage.atrion.route(&name).admit(Tier::Normal).unwrap().finish(Outcome::Success);
        told += 1.0;
        sleep(ms(1_500)).await;
        let scrape = stage.scrape();
        let now = admitted(&scrape, OTHER);
        assert!(now >= other, "{other} became {now}");
        other = now;
        let shown = scrape.sum(REQUESTS, &[("atrion_decision", "admitted")]).unwrap();
        assert!(shown <= told, "{shown} shown of {told}");
    }
    assert!(other > 20.0, "{other}");
}
