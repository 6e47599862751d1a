// SPDX-License-Identifier: Apache-2.0
//! Pushing metrics by OTLP: what the page for Prometheus shows, to a collector.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, ClientTlsConfig};

use crate::config::Otlp;
use crate::start_error::StartError;

/// A reader that pushes from a thread of its own, and connects when it does.
///
/// # Errors
/// The certificates of the collector cannot be used.
pub(crate) fn reader(settings: &Otlp) -> Result<PeriodicReader<Pusher>, StartError> {
    let headers: HeaderMap = settings.headers.iter().cloned().collect();
    let mut builder = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(settings.endpoint.to_string())
        .with_timeout(settings.timeout)
        .with_metadata(MetadataMap::from_headers(headers));
    if let Some(path) = &settings.ca {
        let wrong = |error| StartError::Metrics(format!("{}: {error}", path.display()));
        let ca = Certificate::from_pem(fs::read(path).map_err(wrong)?);
        builder = builder.with_tls_config(ClientTlsConfig::new().ca_certificate(ca));
    }
    let exporter = builder.build().map_err(|error| StartError::Metrics(error.to_string()))?;
    let pusher = Pusher { exporter, is_lost: AtomicBool::new(false) };
    Ok(PeriodicReader::builder(pusher).with_interval(settings.interval).build())
}

/// An exporter that says when a collector is out of reach, and when it is there again.
pub(crate) struct Pusher {
    exporter: MetricExporter,
    is_lost: AtomicBool,
}

impl PushMetricExporter for Pusher {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let pushed = self.exporter.export(metrics).await;
        match (&pushed, self.is_lost.swap(pushed.is_err(), Relaxed)) {
            (Err(error), false) => {
                tracing::warn!(name: "atrion.gateway.push_lost", target: "atrion", %error, "metrics are not pushed");
            }
            (Ok(()), true) => {
                tracing::info!(name: "atrion.gateway.push_again", target: "atrion", "metrics are pushed again");
            }
            _ => {}
        }
        pushed
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
