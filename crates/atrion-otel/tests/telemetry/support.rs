// SPDX-License-Identifier: Apache-2.0
//! An instance with everything in it that has an instrument, and a Prometheus text as values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{AdaptiveConfig, Evidence, Load, Outcome, Peer, PeerLoad, Tier, Volts, Wall};
use atrion_engine::{Atrion, Builder, Config, Lease, LeaseOptions, OwnedPermit, Physics, Route, RouteConfig};
use atrion_otel::Telemetry;
use atrion_state::{
    Capabilities, Event, Health, InMemoryProvider, LicenseStanding, LicenseState, MessageDirection,
    MessageResult, ProviderError, ProviderStats, RouteId, SyncOperation,
};
use atrion_testkit::{ReportingProvider, TokioClock};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder as _, Registry, TextEncoder};
use tokio::time::sleep;

/// A provider of meters whose state can be scraped.
pub(crate) struct Meters {
    pub(crate) provider: SdkMeterProvider,
    registry: Registry,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
        Self { provider: SdkMeterProvider::builder().with_reader(exporter).build(), registry }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    pub(crate) fn scrape(&self) -> Scrape {
        Scrape::parse(&self.text())
    }
}

/// A scrape.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    /// Kind by name.
    pub(crate) kinds: BTreeMap<String, String>,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Scrape {
    fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                scrape.kinds.insert(name.into(), kind.into());
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let labels = labels.strip_suffix('}').unwrap();
                // The values of these tests hold neither commas nor quotes.
                let labels = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
                    let (label, value) = pair.split_once('=').unwrap();
                    (label.to_owned(), value.trim_matches('"').to_owned())
                });
                let (labels, value) = (labels.collect(), value.parse().unwrap());
                scrape.samples.push(Sample { name: name.into(), labels, value });
            }
        }
        scrape
    }

    /// The samples of that name that have these labels.
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        };
        self.samples.iter().filter(fits).collect()
    }

    /// The sum of these samples; `None` if there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.find(name, labels);
        (!found.is_empty()).then(|| found.iter().map(|sample| sample.value).sum())
    }

    /// All values of a label.
    pub(crate) fn values(&self, label: &str) -> Vec<&str> {
        let mut values: Vec<_> =
            self.samples.iter().filter_map(|sample| sample.labels.get(label)).map(String::as_str).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// The store of an invented fleet: it has a number for everything that can be counted.
pub(crate) fn fleet() -> ReportingProvider {
    let store = InMemoryProvider::with_clock(Arc::new(TokioClock::new()));
    let fleet = ReportingProvider::new(store, Capabilities::new("fleet").shared(true));
    let expires = Wall::from_millis(TokioClock::BEGINNING.as_millis() + 500_000);
    fleet.count(counted(LicenseStanding::new("AL-1", LicenseState::Expiring, Some(expires))));
    let load = Load {
        offered: [0.0, 0.0, 40.0, 0.0, 0.0],
        admitted: 40.0,
        in_time: 40.0,
        latency: 2.0,
        in_flight: 2.0,
        ..Load::NONE
    };
    let load = PeerLoad { load, alive: Evidence::FULL };
    // Two, because nothing counts of a peer that is alone with its load.
    fleet.hear(RouteId::new("capped").unwrap(), vec![Peer { load, ..Peer::default() }; 2]);
    fleet
}

/// The counts of such a store under a license.
pub(crate) fn counted(license: LicenseStanding) -> Vec<ProviderStats> {
    use MessageDirection::{Received, Sent};
    use MessageResult::{Accepted, Stale};
    let layer = |name| ProviderStats::new(name).lag(Duration::from_millis(250));
    let redis = layer("redis")
        .nodes(4, 1)
        .messages(Sent, Accepted, 120)
        .messages(Received, Accepted, 480)
        .messages(Received, Stale, 7)
        .rejected(Received, "checksum", 2)
        .license(license);
    let down = Health::Degraded { reason: "connection refused".into() };
    vec![redis, layer("postgres").health(down)]
}

/// An instance, its exporter, and what can be scraped of it.
pub(crate) struct Stage {
    pub(crate) meters: Meters,
    pub(crate) telemetry: Telemetry,
    pub(crate) atrion: Atrion,
    /// Held until the end.
    pub(crate) leases: Vec<Lease>,
}

impl Stage {
    pub(crate) async fn new(config: Config) -> Self {
        Self::with(Meters::new(), config, Telemetry::builder(), |builder| builder).await
    }

    pub(crate) async fn with(
        meters: Meters,
        config: Config,
        telemetry: atrion_otel::Builder,
        and: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let telemetry = telemetry.build(&meters.provider);
        let builder = Atrion::builder().config(config).clock(Arc::new(TokioClock::new()));
        let atrion = and(builder).observer(Arc::new(telemetry.clone())).connect().await.unwrap();
        telemetry.watch(&atrion);
        Self { meters, telemetry, atrion, leases: Vec::new() }
    }

    pub(crate) fn scrape(&self) -> Scrape {
        self.meters.scrape()
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn admit_all(route: &Route, count: usize) -> Vec<OwnedPermit> {
    (0..count).map(|_| route.admit_owned(Volts::saturating(1e6)).unwrap()).collect()
}

/// A number of pulses of ordinary work.
pub(crate) async fn work(route: &Route, pulses: usize) {
    for _ in 0..pulses {
        admit_all(route, 4).into_iter().for_each(|permit| permit.finish(Outcome::Success));
        sleep(ms(100)).await;
    }
}

/// An instance in which everything that an instrument counts has happened once.
pub(crate) async fn eventful(telemetry: atrion_otel::Builder) -> (Stage, ReportingProvider) {
    let fleet = fleet();
    let shared = Physics::Adaptive(AdaptiveConfig { one_callee: true, ..AdaptiveConfig::default() });
    let capped = RouteConfig { physics: shared, ..RouteConfig::default() }.cap(1);
    let config = Config::default().max_routes(2).route("capped", capped);
    let provider = fleet.clone();
    let mut stage = Stage::with(Meters::new(), config, telemetry, |builder| builder.provider(provider)).await;
    let (route, capped) = (stage.atrion.route("api/checkout"), stage.atrion.route("capped"));
    drop(capped.admit(Tier::Normal).unwrap());
    work(&route, 15).await;
    for outcome in [Outcome::Ignored, Outcome::Failure] {
        admit_all(&route, 1).into_iter().for_each(|permit| permit.finish(outcome));
    }
    // Long enough after the last sign of life for forty failures to open the breaker.
    sleep(ms(1_000)).await;
    drop(admit_all(&route, 1));
    admit_all(&route, 40).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    for tier in Tier::ALL {
        let _ = route.admit(tier).map(drop);
    }
    let held = capped.admit_owned(Tier::Normal).unwrap();
    assert!(capped.admit(Tier::High).is_err());
    drop(held);
    let leases = [(); 2].map(|()| capped.lease(Tier::Critical, LeaseOptions::heavy()));
    let [Ok(first), Err(_)] = leases else { panic!("there is room for one: {leases:?}") };
    stage.atrion.overrides().revoke(first.id(), "enough").unwrap();
    stage.leases.push(capped.lease(Tier::Critical, LeaseOptions::heavy()).unwrap());
    // There is no place for a third.
    let _ = stage.atrion.route("one too many");
    stage.atrion.replace_config(stage.atrion.config()).unwrap();
    let _ = stage.atrion.replace_config(Config::default().max_routes(0)).unwrap_err();
    let trip = |operation, result| Event::SyncFinished {
        provider: "redis",
        operation,
        duration: ms(3),
        routes: 1,
        result,
    };
    assert!(fleet.tell(&trip(SyncOperation::Push, Ok(()))));
    let refused = Arc::new(ProviderError::unavailable("redis", "connection refused"));
    assert!(fleet.tell(&trip(SyncOperation::Pull, Err(refused))));
    sleep(ms(300)).await;
    (stage, fleet)
}
