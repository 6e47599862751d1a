// SPDX-License-Identifier: Apache-2.0
//! A real balancer that follows the load reports of two instances.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests speak as tests do

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use atrion_testbed::{Server, tests};

    atrion_testbed::run(&[Server::Envoy], tests![suite::requests_go_where_there_is_room])
}

#[cfg(unix)]
mod suite {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use std::time::Duration;

    use atrion_engine::{Atrion, Config};
    use atrion_testbed::{Balancer, Server};
    use atrion_tower::AdmissionLayer;
    use axum::Router;
    use axum::routing::get;
    use bytes::Bytes;
    use http::Request;
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;
    use tokio::task::JoinSet;
    use tokio::time::{Instant, interval, sleep};

    const WORK: Duration = Duration::from_millis(50);

    /// How the balancer shares requests out.
    #[derive(Clone, Copy)]
    enum Balancing {
        InTurn,
        /// From a second after the first report on.
        ByLoad,
    }

    impl Balancing {
        /// As Envoy's configuration has it.
        const fn policy(self) -> &'static str {
            match self {
                Self::InTurn => {
                    r#"{ name: rr, typed_config: { "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin } }"#
                }
                Self::ByLoad => {
                    r#"{ name: load, typed_config: { "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin, blackout_period: 1s, weight_update_period: 1s } }"#
                }
            }
        }

        fn settings(self, address: SocketAddr, instances: &[SocketAddr]) -> String {
            const API: &str = "type.googleapis.com/envoy.extensions.filters";
            let at = |address: &SocketAddr| {
                let (ip, port) = (address.ip(), address.port());
                format!("{{ socket_address: {{ address: {ip}, port_value: {port} }} }}")
            };
            let endpoint = |instance| format!("{{ endpoint: {{ address: {} }} }}", at(instance));
            let endpoints: Vec<_> = instances.iter().map(endpoint).collect();
            let (address, endpoints, policy) = (at(&address), endpoints.join(", "), self.policy());
            format!(
                r#"static_resources:
  listeners:
  - address: {address}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": {API}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config: {{ virtual_hosts: [{{ name: all, domains: ["*"], routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: service }} }}] }}] }}
          http_filters: [{{ name: router, typed_config: {{ "@type": {API}.http.router.v3.Router }} }}]
  clusters:
  - name: service
    type: STATIC
    connect_timeout: 1s
    load_balancing_policy: {{ policies: [{{ typed_extension_config: {policy} }}] }}
    load_assignment: {{ cluster_name: service, endpoints: [{{ lb_endpoints: [{endpoints}] }}] }}
"#
            )
        }
    }

    /// An instance that answers with its name, and works at so many requests at a time.
    async fn instance(name: &'static str, workers: usize) -> SocketAddr {
        let config = Config::default().slo(Duration::from_millis(500));
        let atrion = Atrion::builder().config(config).connect().await.unwrap();
        let workers = Arc::new(Semaphore::new(workers));
        let work = async move || {
            let _worker = workers.acquire().await.unwrap();
            sleep(WORK).await;
            name
        };
        let app = Router::new().route("/", get(work)).layer(AdmissionLayer::new(atrion).orca());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    /// What became of 200 requests a second in the last 6 of 12 seconds: the shares that were
    /// refused, and that the large instance answered.
    async fn shares(balancing: Balancing) -> (f64, f64) {
        // 320 and 40 a second.
        let instances = [instance("large", 16).await, instance("small", 2).await];
        let envoy =
            Balancer::start(Server::Envoy, |address| balancing.settings(address, &instances)).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let mut pace = interval(Duration::from_millis(5));
        let (begin, mut calls) = (Instant::now(), JoinSet::new());
        while begin.elapsed() < Duration::from_secs(12) {
            pace.tick().await;
            let request = Request::get(format!("http://{}/", envoy.address())).body(Empty::new()).unwrap();
            let (client, counts) = (client.clone(), begin.elapsed() > Duration::from_secs(6));
            calls.spawn(async move {
                let answer = client.request(request).await.unwrap();
                let is_refused = answer.headers().contains_key("x-atrion-shed");
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                counts.then_some((is_refused, body == "large"))
            });
        }
        let all: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
        let share = |of: fn(&(bool, bool)) -> bool| {
            all.iter().filter(|answer| of(answer)).count() as f64 / all.len() as f64
        };
        (share(|answer| answer.0), share(|answer| answer.1))
    }

    pub(super) async fn requests_go_where_there_is_room() {
        let (even, by_load) = (shares(Balancing::InTurn).await, shares(Balancing::ByLoad).await);
        eprintln!("refused and answered by the large one: {even:?} in turn, {by_load:?} by load");
        // In turn the small one gets 100 where it can answer 40.
        assert!(even.0 > 0.1 && (even.1 - 0.5).abs() < 0.05, "{even:?}");
        assert!(by_load.0 < even.0 / 3.0 && by_load.1 > 0.6, "{by_load:?}");
    }
}
