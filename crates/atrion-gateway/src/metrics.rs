// SPDX-License-Identifier: Apache-2.0
//! The page for Prometheus: the instruments of `atrion-otel` under their usual names, and those of
//! the gateway.

use std::sync::Arc;

use atrion::otel::Telemetry;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use crate::counters::Counters;
use crate::start_error::StartError;

pub(crate) struct Metrics {
    registry: Registry,
    /// The instruments live as long as it does.
    _meters: SdkMeterProvider,
    pub(crate) telemetry: Telemetry,
    pub(crate) counters: Arc<Counters>,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, StartError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let exporter = exporter.map_err(|error| StartError::Metrics(error.to_string()))?;
        let meters = SdkMeterProvider::builder().with_reader(exporter).build();
        let telemetry = Telemetry::new(&meters);
        let counters = Arc::new(Counters::new(&meters.meter("atrion.gateway")));
        Ok(Self { registry, _meters: meters, telemetry, counters })
    }

    pub(crate) fn page(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
