// SPDX-License-Identifier: Apache-2.0
//! The page for Prometheus: the instruments of `atrion-otel` under their usual names, and those of
//! the gateway. They are pushed to a collector as well, if there is one.

use std::sync::Arc;
use std::time::Duration;

use atrion::otel::Telemetry;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::config::Otlp;
use crate::counters::Counters;
use crate::push;
use crate::start_error::StartError;

pub(crate) struct Metrics {
    registry: Registry,
    /// The instruments live as long as it does.
    meters: SdkMeterProvider,
    pub(crate) telemetry: Telemetry,
    pub(crate) counters: Arc<Counters>,
}

impl Metrics {
    /// # Errors
    /// What is set for pushing them cannot be used.
    pub(crate) fn new(pushed_to: Option<&Otlp>) -> Result<Self, StartError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let exporter = exporter.map_err(|error| StartError::Metrics(error.to_string()))?;
        let mut meters = SdkMeterProvider::builder().with_reader(exporter);
        if let Some(settings) = pushed_to {
            let resource = Resource::builder().with_service_name(settings.service.clone()).build();
            meters = meters.with_resource(resource).with_reader(push::reader(settings)?);
        }
        let meters = meters.build();
        let telemetry = Telemetry::new(&meters);
        let counters = Arc::new(Counters::new(&meters.meter("atrion.gateway")));
        Ok(Self { registry, meters, telemetry, counters })
    }

    pub(crate) fn page(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Pushes what has not been pushed, and then nothing more.
    pub(crate) async fn end(&self, within: Duration) {
        let meters = self.meters.clone();
        // It waits for the collector, on a thread where nothing else does. What failed was said.
        let ended = spawn_blocking(move || meters.shutdown().is_ok());
        let _ = timeout(within, ended).await;
    }
}
