// SPDX-License-Identifier: Apache-2.0
//! Metrics and traces over OTLP: a collector in this process receives and decodes them, shows what
//! arrived, and ends.
#![allow(missing_docs)] // an example is read from top to bottom

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, Config, RouteConfig};
use atrion_otel::{INSTRUMENTS, Telemetry, mark_span};
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What has arrived: metrics with their unit and kind, and the attributes of spans.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    metrics: BTreeMap<String, String>,
    attributes: BTreeSet<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let collector = Collector::default();
    let endpoint = collector.clone().serve().await?;

    // The application chooses SDK and exporters.
    let metrics = MetricExporter::builder().with_tonic().with_endpoint(&endpoint).build()?;
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics).build();
    let spans = SpanExporter::builder().with_tonic().with_endpoint(&endpoint).build()?;
    let tracers = SdkTracerProvider::builder().with_batch_exporter(spans).build();

    // The exporter observes the instance, and reads its state at a collection.
    let telemetry = Telemetry::builder().instance("otlp-example").build(&meters);
    let config = Config::default().route("GET /report", RouteConfig::default().cap(1));
    let atrion = Atrion::builder().config(config).observer(Arc::new(telemetry.clone())).connect().await?;
    telemetry.watch(&atrion);

    // One request takes the only place, and the span of the next one says why it was refused.
    let report = atrion.route("GET /report");
    let permit = report.admit(Tier::Normal)?;
    tracers.tracer("example").in_span("GET /report", |_| {
        if let Err(shed) = report.admit(Tier::Low) {
            mark_span(&report, &shed);
        }
    });
    permit.finish(Outcome::Success);
    tokio::time::sleep(Duration::from_millis(250)).await;

    // At the end of a process both have to be flushed. That waits for the collector, so it must not
    // run on the threads of the runtime.
    tokio::task::spawn_blocking(move || {
        tracers.shutdown()?;
        meters.shutdown()
    })
    .await??;
    atrion.shutdown().await;
    collector.show()
}

impl Collector {
    async fn serve(self) -> Result<String, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let server = tonic::transport::Server::builder()
            .add_service(MetricsServiceServer::new(self.clone()))
            .add_service(TraceServiceServer::new(self))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(server);
        Ok(endpoint)
    }

    fn show(&self) -> Result<(), Box<dyn Error>> {
        let arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        println!("arrived over OTLP:");
        arrived.metrics.iter().for_each(|(name, what)| println!("  {name}: {what}"));
        println!("  a span with {:?}", arrived.attributes);
        for name in ["atrion.admission.requests", "atrion.route.resistance", "atrion.pulse.duration"] {
            let known = INSTRUMENTS.iter().find(|instrument| instrument.name == name);
            let unit = known.map(|instrument| format!("in {}", instrument.unit)).unwrap_or_default();
            if !arrived.metrics.get(name).is_some_and(|what| what.contains(&unit)) {
                return Err(format!("{name} did not arrive {unit}").into());
            }
        }
        if !["atrion.resistance", "atrion.tier"].iter().all(|key| arrived.attributes.contains(*key)) {
            return Err("no span says why its request was refused".into());
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let resources = request.into_inner().resource_metrics.into_iter();
        for metric in resources.flat_map(|all| all.scope_metrics).flat_map(|scope| scope.metrics) {
            let (kind, series) = match &metric.data {
                Some(Data::Gauge(gauge)) => ("gauge", gauge.data_points.len()),
                Some(Data::Sum(sum)) if sum.is_monotonic => ("counter", sum.data_points.len()),
                Some(Data::Sum(sum)) => ("up-down counter", sum.data_points.len()),
                Some(Data::Histogram(histogram)) => ("histogram", histogram.data_points.len()),
                _ => ("something else", 0),
            };
            let unit = if metric.unit.is_empty() { "0 or 1" } else { &metric.unit };
            arrived.metrics.insert(metric.name, format!("{kind} in {unit}, {series} series"));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let resources = request.into_inner().resource_spans.into_iter();
        for span in resources.flat_map(|all| all.scope_spans).flat_map(|scope| scope.spans) {
            arrived.attributes.extend(span.attributes.into_iter().map(|attribute| attribute.key));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
