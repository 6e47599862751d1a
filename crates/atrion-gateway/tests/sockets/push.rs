// SPDX-License-Identifier: Apache-2.0
//! Metrics that are pushed to a collector by OTLP.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use atrion_gateway::{Config, Gateway};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use tokio::net::TcpListener;
use tonic::transport::server::{Server, TcpIncoming};
use tonic::transport::{Identity, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::support::{OK, address, admin, eventually, get, least, saying, within};

/// A collector in this process, and what has arrived.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    services: BTreeSet<String>,
    credentials: BTreeSet<String>,
    /// The names of metrics, and requests that were admitted by the last push.
    metrics: BTreeSet<String>,
    admitted: i64,
}

impl Collector {
    async fn serve(&self, tls: Option<ServerTlsConfig>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let server = server.add_service(MetricsServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        address
    }

    fn admitted(&self) -> i64 {
        self.0.lock().unwrap().admitted
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut arrived = self.0.lock().unwrap();
        let credentials = request.metadata().get("authorization").map(|value| value.to_str().unwrap());
        arrived.credentials.extend(credentials.map(str::to_owned));
        for of_resource in request.into_inner().resource_metrics {
            let attributes = of_resource.resource.unwrap().attributes;
            let named = attributes.into_iter().filter(|attribute| attribute.key == "service.name");
            arrived.services.extend(named.filter_map(|attribute| match attribute.value?.value? {
                Value::StringValue(name) => Some(name),
                _ => None,
            }));
            for metric in of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                if let (Some(Data::Sum(sum)), "atrion.admission.requests") =
                    (&metric.data, metric.name.as_str())
                {
                    let of = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| match point
                        .value
                    {
                        Some(Number::AsInt(count)) => count,
                        _ => 0,
                    };
                    arrived.admitted = sum.data_points.iter().map(of).sum();
                }
                arrived.metrics.insert(metric.name);
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

async fn pushing(upstream: SocketAddr, otlp: &str, folder: &Path) -> Gateway {
    let config = Config::parse(&least(upstream, &format!("[otlp]\n{otlp}")), folder).unwrap();
    Gateway::start_with(config, std::io::sink()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_arrive_at_a_collector_with_the_credentials_of_a_file() {
    let (upstream, _) = saying(OK).await;
    let collector = Collector::default();
    let to = collector.serve(None).await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "Bearer hunter2\n").unwrap();
    let otlp = format!(
        "endpoint = \"http://{to}\"\ninterval = \"50ms\"\nservice = \"shop\"\nheaders = {{ authorization = {{ file = {secret:?} }} }}\n"
    );
    let gateway = pushing(upstream, &otlp, folder.path()).await;
    for _ in 0..3 {
        get(address(&gateway).await, "/", "").await;
    }
    // Each request passes the gates of its service and of its route.
    eventually(async || collector.admitted() >= 3).await;
    {
        let arrived = collector.0.lock().unwrap();
        assert!(arrived.metrics.contains("atrion.gateway.connections"), "{:?}", arrived.metrics);
        assert!(arrived.metrics.contains("atrion.route.resistance"), "{:?}", arrived.metrics);
        assert_eq!(arrived.services.iter().collect::<Vec<_>>(), ["shop"]);
        assert_eq!(arrived.credentials.iter().collect::<Vec<_>>(), ["Bearer hunter2"]);
    }
    // The page shows the same.
    assert!(get(admin(&gateway), "/metrics", "").await.contains("atrion_gateway_connections"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_push_is_at_the_end_of_the_drain_and_goes_over_tls() {
    let (upstream, _) = saying(OK).await;
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
    let identity = Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let collector = Collector::default();
    let to = collector.serve(Some(ServerTlsConfig::new().identity(identity))).await;
    let otlp =
        format!("endpoint = \"https://localhost:{}\"\nca = \"ca.pem\"\ninterval = \"1h\"\n", to.port());
    let gateway = pushing(upstream, &otlp, folder.path()).await;
    get(address(&gateway).await, "/", "").await;
    within(gateway.drain()).await;
    assert!(collector.admitted() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_changes_nothing() {
    let (upstream, _) = saying(OK).await;
    // Nobody listens on a port that was given back.
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let otlp = format!("endpoint = \"http://{nowhere}\"\ninterval = \"10ms\"\n");
    let gateway = pushing(upstream, &otlp, Path::new("")).await;
    for _ in 0..20 {
        assert!(get(address(&gateway).await, "/", "").await.ends_with("ok"));
    }
    within(gateway.drain()).await;
}
