// SPDX-License-Identifier: Apache-2.0
//! The external processor, asked by the real Envoy with the configuration of `docs/gateway`.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers speak as tests do

#[allow(dead_code)] // what the tests of sockets need and these do not
#[path = "sockets/support.rs"]
mod support;

use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use atrion_gateway::Gateway;
use atrion_testbed::{Balancer, Server, tests};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;
use tokio::sync::watch;

use support::{
    Askers, OK, admin, eventually, gateway_of, get, h2_client, patient, read_request, read_until, say,
    saying, service, within,
};

fn main() -> ExitCode {
    atrion_testbed::run(
        &[Server::Envoy],
        tests![
            requests_pass_and_their_answers_are_judged,
            a_refusal_is_the_one_of_the_library,
            route_and_tier_are_what_envoy_tells,
            clients_of_http2_share_a_connection_and_lose_no_place,
            grpc_is_judged_by_its_trailers_and_refused_by_its_status,
            grpc_is_judged_by_its_trailers_behind_envoy_gateway,
            a_stream_goes_on_while_others_come_and_go,
            a_client_that_leaves_gives_its_place_back,
            a_drain_waits_for_the_exchanges_that_have_begun,
            an_overload_is_refused_and_what_is_critical_passes,
            a_processor_that_is_killed_costs_no_request,
        ],
    )
}

/// The file of the documentation, with patience: a starved machine must not look like a processor
/// that does not answer.
fn file() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gateway/envoy.yaml");
    let file = std::fs::read_to_string(file).unwrap();
    let file = file.replace("message_timeout: 0.2s", "message_timeout: 8s");
    file.replace("connect_timeout: 0.2s", "connect_timeout: 8s")
}

/// An Envoy with the file of the documentation, between other addresses.
fn envoy(service: SocketAddr, grpc: SocketAddr, processor: SocketAddr) -> Balancer {
    envoy_with(&file(), service, grpc, processor)
}

fn envoy_with(file: &str, service: SocketAddr, grpc: SocketAddr, processor: SocketAddr) -> Balancer {
    let with = |own: SocketAddr| {
        [(8080, own), (3000, service), (3001, grpc), (9902, processor)].iter().fold(
            file.to_owned(),
            |text, (port, address)| {
                text.replace(&format!("port_value: {port} "), &format!("port_value: {} ", address.port()))
            },
        )
    };
    Balancer::start(Server::Envoy, with).unwrap()
}

async fn processor(more: &str) -> Gateway {
    let head = "ext_proc.address = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\n";
    gateway_of(&format!("{head}{more}")).await
}

fn asks(gateway: &Gateway) -> SocketAddr {
    gateway.processor_address().unwrap().to_string().parse().unwrap()
}

const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

async fn requests_pass_and_their_answers_are_judged() {
    let gateway =
        processor("[[route]]\nmatch = \"GET /good/{id}\"\n[[route]]\nmatch = \"GET /bad/{id}\"\n").await;
    let upstream = service(|mut stream| async move {
        while let Some(request) = read_request(&mut stream).await {
            assert!(!request.contains("x-atrion-tier"), "{request}");
            let answer = if request.starts_with("GET /bad/") {
                OK.replace("200 OK", "500 Sick")
            } else {
                OK.to_owned()
            };
            say(&mut stream, &answer).await;
        }
    })
    .await;
    let envoy = envoy(upstream, NOBODY, asks(&gateway));
    for id in 0..5 {
        let answer = get(envoy.address(), &format!("/good/{id}"), "x-atrion-tier: critical\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(get(envoy.address(), &format!("/bad/{id}"), "").await.starts_with("HTTP/1.1 500"));
    }
    let counts = |name: &str| gateway.atrion().route(name).snapshot().counts;
    eventually(async || counts("GET /good/{id}").succeeded() == 5 && counts("GET /bad/{id}").failed() == 5)
        .await;
    let none = counts("GET /good/{id}").admitted(atrion::Tier::Critical);
    assert_eq!(none, 0);
}

async fn a_refusal_is_the_one_of_the_library() {
    let gateway = processor("[[route]]\nmatch = \"GET /a\"\ncap = 1\n").await;
    let (upstream, _go) = patient().await;
    let envoy = envoy(upstream, NOBODY, asks(&gateway));
    let mut held = TcpStream::connect(envoy.address()).await.unwrap();
    say(&mut held, "GET /a HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    eventually(async || gateway.atrion().route("GET /a").snapshot().in_flight == 1).await;
    let answer = get(envoy.address(), "/a", "").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    for part in [
        "x-atrion-shed: at_cap",
        "retry-after: ",
        "cache-control: no-store",
        "content-type: application/problem+json",
        "\"type\":\"urn:atrion:problem:request-shed\"",
        "\"route\":\"GET /a\"",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}

/// Writes metadata where Envoy's filter for tokens would.
const FILTER: &str = r#"          - name: envoy.filters.http.header_to_metadata
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config
              request_rules:
              - header: x-plan
                on_header_present: { metadata_namespace: envoy.filters.http.jwt_authn, key: plan }
"#;

async fn route_and_tier_are_what_envoy_tells() {
    let gateway = processor(
        "ext_proc.route = \"/attributes/xds.route_name\"\n\
         ext_proc.tier = \"/metadata/envoy.filters.http.jwt_authn/plan\"\n\
         ext_proc.ceiling = \"high\"\n\
         [[route]]\nmatch = \"GET /carts/{cart}\"\n",
    )
    .await;
    let file = file().replace("          http_filters:\n", &format!("          http_filters:\n{FILTER}"));
    let (upstream, _) = saying(OK).await;
    let named = envoy_with(&file, upstream, grpc(&watch::channel(0).0).await, asks(&gateway));
    for plan in ["critical", "bulk", "other"] {
        let headers = format!("x-plan: {plan}\r\nx-atrion-tier: low\r\n");
        assert!(get(named.address(), "/carts/1", &headers).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(call(named.address(), "0").await, "0");
    // A route of Envoy without a name is one of the file.
    let file = file.replace("- name: service\n                match", "- match");
    let nameless = envoy_with(&file, upstream, NOBODY, asks(&gateway));
    assert!(get(nameless.address(), "/carts/1", "x-plan: low\r\n").await.starts_with("HTTP/1.1 200"));

    let counts = |name: &str| {
        let counts = gateway.atrion().route(name).snapshot().counts;
        atrion::Tier::ALL.map(|tier| counts.admitted(tier))
    };
    let by_tier = |tiers: &[atrion::Tier]| atrion::Tier::ALL.map(|tier| u64::from(tiers.contains(&tier)));
    use atrion::Tier::{Bulk, High, Low, Normal};
    eventually(async || counts("service") == by_tier(&[High, Bulk, Normal])).await;
    eventually(async || counts("grpc") == by_tier(&[Normal])).await;
    eventually(async || counts("GET /carts/{cart}") == by_tier(&[Low])).await;
}

async fn clients_of_http2_share_a_connection_and_lose_no_place() {
    let gateway = processor("").await;
    let (upstream, go) = patient().await;
    let envoy = envoy(upstream, NOBODY, asks(&gateway));
    let gate = gateway.atrion().route("unmatched");
    let mut client = h2_client(envoy.address()).await;
    let mut ask = || client.send_request(Request::get("http://shop/").body(()).unwrap(), true).unwrap();
    let (left, stayed): (Vec<_>, Vec<_>) = (0..10).map(|_| (ask(), ask())).unzip();
    eventually(async || gate.snapshot().in_flight == 20).await;
    for (_, mut sending) in left {
        sending.send_reset(h2::Reason::CANCEL);
    }
    eventually(async || gate.snapshot().in_flight == 10).await;
    go.send_replace(true);
    for (response, _) in stayed {
        assert_eq!(within(response).await.unwrap().status(), 200);
    }
    let counts = || gate.snapshot().counts;
    eventually(async || gate.snapshot().in_flight == 0).await;
    eventually(async || (counts().succeeded(), counts().cancelled(), counts().failed()) == (10, 10, 0)).await;

    force_open(&gateway, "unmatched");
    let refused = within(ask().0).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["x-atrion-shed"]),
        (503, &"forced_open".parse().unwrap())
    );
}

/// A gRPC service. One of its methods answers with the status that is asked for; `Watch` sends each
/// number that is said from now on, until zero.
async fn grpc(said: &watch::Sender<u32>) -> SocketAddr {
    let said = said.subscribe();
    service(move |stream| {
        let said = said.clone();
        async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::spawn(serve_grpc(request, respond, said.clone()));
            }
        }
    })
    .await
}

async fn serve_grpc(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<bytes::Bytes>,
    mut said: watch::Receiver<u32>,
) {
    let response = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut stream = respond.send_response(response, false).unwrap();
    if request.uri().path().ends_with("/Watch") {
        while said.changed().await.is_ok() {
            let number = *said.borrow_and_update();
            if number == 0 {
                break;
            }
            stream.send_data(number.to_string().into(), false).unwrap();
        }
    }
    stream.send_data("reply".into(), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", request.headers()["x-status"].clone());
    stream.send_trailers(trailers).unwrap();
}

fn request(method: &str, status: &str) -> Request<()> {
    let request = Request::post(format!("http://shop/pkg.Service/{method}"));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    request.header("x-status", status).body(()).unwrap()
}

/// Calls a method, and gives the `grpc-status` of the head or of the trailers.
async fn call(to: SocketAddr, status: &str) -> String {
    // The request ends with its head: an answer that is whole before the request is resets the stream.
    let (response, _) = h2_client(to).await.send_request(request("Method", status), true).unwrap();
    let response = within(response).await.unwrap();
    if let Some(status) = response.headers().get("grpc-status") {
        assert!(response.headers().contains_key("grpc-retry-pushback-ms"), "{response:?}");
        return status.to_str().unwrap().to_owned();
    }
    let mut body = response.into_body();
    while within(body.data()).await.is_some() {}
    let trailers = within(body.trailers()).await.unwrap().unwrap();
    trailers["grpc-status"].to_str().unwrap().to_owned()
}

async fn grpc_is_judged_by_its_trailers_and_refused_by_its_status() {
    let gateway = processor("[[route]]\nmatch = \"POST /pkg.Service/Method\"\n").await;
    let envoy = envoy(NOBODY, grpc(&watch::channel(0).0).await, asks(&gateway));
    for _ in 0..3 {
        assert_eq!(call(envoy.address(), "0").await, "0");
        assert_eq!(call(envoy.address(), "13").await, "13");
    }
    let gate = gateway.atrion().route("POST /pkg.Service/Method");
    eventually(async || gate.snapshot().counts.succeeded() == 3 && gate.snapshot().counts.failed() == 3)
        .await;

    force_open(&gateway, "POST /pkg.Service/Method");
    assert_eq!(call(envoy.address(), "0").await, "14");
}

/// What Envoy Gateway makes of `docs/gateway/envoy-gateway.yaml`, as far as it differs: the filter is
/// off, and on for the routes of its policy; trailers are sent to those that ask for them.
fn of_envoy_gateway() -> String {
    let wanted = [
        ("          - name: envoy.filters.http.ext_proc\n", "            disabled: true\n"),
        ("              failure_mode_allow: true\n", "              allow_mode_override: true\n"),
        (
            "                route: { cluster: grpc, timeout: 0s }\n",
            "                typed_per_filter_config:\n                  envoy.filters.http.ext_proc:\n\
             \x20                   \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig\n\
             \x20                   config: {}\n",
        ),
    ];
    let file = file();
    let sent = "                response_trailer_mode: SEND\n";
    assert!(file.contains(sent));
    wanted.iter().fold(file.replace(sent, ""), |file, (line, more)| {
        assert!(file.contains(line), "{line}");
        file.replace(line, &format!("{line}{more}"))
    })
}

async fn grpc_is_judged_by_its_trailers_behind_envoy_gateway() {
    let gateway = processor("[[route]]\nmatch = \"POST /pkg.Service/Method\"\n").await;
    let service = grpc(&watch::channel(0).0).await;
    let envoy = envoy_with(&of_envoy_gateway(), NOBODY, service, asks(&gateway));
    for status in ["0", "13"] {
        assert_eq!(call(envoy.address(), status).await, status);
    }
    let counts = || gateway.atrion().route("POST /pkg.Service/Method").snapshot().counts;
    eventually(async || (counts().succeeded(), counts().failed(), counts().cancelled()) == (1, 1, 0)).await;
}

/// Refuses everything from now on.
fn force_open(gateway: &Gateway, route: &str) {
    let (gate, kind) = (gateway.atrion().route(route), atrion::OverrideKind::ForceOpen);
    let wanted =
        atrion::Override { kind, reason: "a test".to_owned(), time_to_live: Duration::from_secs(60) };
    gateway.atrion().overrides().set(&gate, wanted).unwrap();
}

async fn a_stream_goes_on_while_others_come_and_go() {
    const STREAMS: u64 = 5;
    const ROUNDS: u32 = 200;
    for (hold, held) in [("verdict", STREAMS), ("head", 0)] {
        let gateway = processor(&format!(
            "[[route]]\nmatch = \"POST /pkg.Service/Watch\"\nhold = \"{hold}\"\n\
             [[route]]\nmatch = \"POST /pkg.Service/Method\"\n"
        ))
        .await;
        let said = watch::channel(0).0;
        let envoy = envoy(NOBODY, grpc(&said).await, asks(&gateway));
        let (watched, others) = ("POST /pkg.Service/Watch", "POST /pkg.Service/Method");
        let [watched, others] = [watched, others].map(|name| gateway.atrion().route(name));
        let mut client = h2_client(envoy.address()).await;
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let (response, _) = client.send_request(request("Watch", "0"), true).unwrap();
            streams.push(within(response).await.unwrap().into_body());
        }
        // Each is one stream to the processor, too. It waits for its client, and is no load.
        let is_held = async || eventually(async || watched.snapshot().waiting == held).await;
        is_held().await;
        for round in 1..=ROUNDS {
            said.send_replace(round);
            for stream in &mut streams {
                assert_eq!(within(stream.data()).await.unwrap().unwrap(), round.to_string());
            }
            assert_eq!(call(envoy.address(), "0").await, "0");
        }
        is_held().await;
        assert_eq!(watched.snapshot().in_flight, 0);
        said.send_replace(0);
        for mut stream in streams {
            while within(stream.data()).await.is_some() {}
            assert_eq!(within(stream.trailers()).await.unwrap().unwrap()["grpc-status"], "0");
        }
        eventually(async || watched.snapshot().waiting + others.snapshot().in_flight == 0).await;
        let succeeded = |gate: &atrion::Route| gate.snapshot().counts.succeeded();
        eventually(async || (succeeded(&watched), succeeded(&others)) == (STREAMS, u64::from(ROUNDS))).await;
    }
}

async fn a_client_that_leaves_gives_its_place_back() {
    let gateway = processor("").await;
    let (upstream, _go) = patient().await;
    let envoy = envoy(upstream, NOBODY, asks(&gateway));
    let gate = gateway.atrion().route("unmatched");
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut client = TcpStream::connect(envoy.address()).await.unwrap();
        say(&mut client, "GET /a HTTP/1.1\r\nhost: shop\r\n\r\n").await;
        held.push(client);
    }
    eventually(async || gate.snapshot().in_flight == 10).await;
    drop(held);
    eventually(async || gate.snapshot().in_flight == 0).await;
    assert_eq!(gate.snapshot().counts.failed(), 0);
}

async fn a_drain_waits_for_the_exchanges_that_have_begun() {
    let gateway = processor("").await;
    let (upstream, go) = patient().await;
    let envoy = envoy(upstream, NOBODY, asks(&gateway));
    let (gate, operators) = (gateway.atrion().route("unmatched"), admin(&gateway));
    let mut client = TcpStream::connect(envoy.address()).await.unwrap();
    say(&mut client, "GET /a HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    eventually(async || gate.snapshot().in_flight == 1).await;
    let drained = tokio::spawn(gateway.drain());
    eventually(async || get(operators, "/readyz", "").await.ends_with("draining\n")).await;
    go.send_replace(true);
    assert!(read_until(&mut client, "ok").await.starts_with("HTTP/1.1 200"));
    within(drained).await.unwrap();
    assert_eq!(gate.snapshot().counts.succeeded(), 1);
}

async fn an_overload_is_refused_and_what_is_critical_passes() {
    let gateway = processor(
        "[admission]\ndefault_tier = \"bulk\"\n\
         [[tier]]\nheader = \"x-plan\"\nvalue = \"vip\"\ntier = \"critical\"\n",
    )
    .await;
    let (upstream, go) = patient().await;
    let envoy = envoy(upstream, NOBODY, asks(&gateway));
    let gate = gateway.atrion().route("unmatched");
    // Nothing is answered, so what passes stays, until there is no more room for bulk.
    let refused = Arc::new(AtomicU64::new(0));
    let ask = |plan| tokio::spawn(ask(envoy.address(), plan, Arc::clone(&refused)));
    let bulk: Vec<_> = (0..300).map(|_| ask("free")).collect();
    eventually(async || gate.snapshot().in_flight + refused.load(Relaxed) == 300).await;
    let held = gate.snapshot().in_flight;
    assert!(refused.load(Relaxed) > 0);

    let vip = ask("vip");
    eventually(async || gate.snapshot().in_flight == held + 1).await;
    go.send_replace(true);
    assert!(within(vip).await.unwrap());
    let mut answered = 0;
    for bulk in bulk {
        answered += u64::from(within(bulk).await.unwrap());
    }
    assert_eq!(answered, held);
}

/// Whether a request is answered, and not refused.
async fn ask(to: SocketAddr, plan: &str, refused: Arc<AtomicU64>) -> bool {
    let mut client = TcpStream::connect(to).await.unwrap();
    say(&mut client, &format!("GET / HTTP/1.1\r\nhost: shop\r\nx-plan: {plan}\r\n\r\n")).await;
    let answer = read_until(&mut client, "\r\n\r\n").await;
    if answer.starts_with("HTTP/1.1 503") {
        refused.fetch_add(1, Relaxed);
        return false;
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    true
}

/// The binary itself, to be killed.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn a_processor_that_is_killed_costs_no_request() {
    let (upstream, _) = saying(OK).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("atrion.toml");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = free.local_addr().unwrap();
    drop(free);
    std::fs::write(
        &file,
        format!("ext_proc = {{ address = \"{asked}\" }}\n[admin]\naddress = \"127.0.0.1:0\"\n"),
    )
    .unwrap();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atrion"));
        Process(command.args(["gateway", "--config"]).arg(&file).spawn().unwrap())
    };
    let mut processor = start();
    eventually(async || TcpStream::connect(asked).await.is_ok()).await;
    let envoy = envoy(upstream, NOBODY, asked);
    let clients = Askers::start(envoy.address(), 8);
    clients.more(SOME).await;
    for _ in 0..3 {
        // SIGKILL, and then nobody for a while.
        processor.0.kill().unwrap();
        processor.0.wait().unwrap();
        clients.more(SOME).await;
        processor = start();
        eventually(async || TcpStream::connect(asked).await.is_ok()).await;
        clients.more(SOME).await;
    }
    clients.end().await;
}

/// Answers in which it would show that some are none.
const SOME: u64 = 1_000;
