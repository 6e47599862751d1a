// SPDX-License-Identifier: Apache-2.0
//! The layer in a server: axum over HTTP/1, tonic over HTTP/2, and a client at the other end of a
//! pipe in memory, or of a socket.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::Ipv4Addr;
use std::task::{Context, Poll};

use ::axum::Router;
use ::axum::body::Body;
use ::axum::routing::get;
use ::tonic::server::NamedService;
use atrion_tower::{AdmissionLayer, RouteNames};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tower::Service;
use tower::util::MapResponseLayer;

use super::Pulsed;
use crate::contender::{Contender, Session};

/// axum without a layer and with Atrion's: in memory, where the layer is a large part, and over a
/// socket, as users have it.
pub(super) fn axum() -> Vec<Box<dyn Contender>> {
    let router = || Router::new().route("/checkout/{id}", get(|| async { "done" }));
    let served = |protocol, [bare, nothing, atrion]: [&'static str; 3]| {
        let pulsed = Pulsed::new();
        let guarded = router().layer(AdmissionLayer::new(pulsed.atrion.clone()));
        [
            Served { name: bare, protocol, router: router(), pulsed: None },
            Served { name: nothing, protocol, router: router().layer(idle()), pulsed: None },
            Served { name: atrion, protocol, router: guarded, pulsed: Some(pulsed) },
        ]
    };
    let in_memory = served(Protocol::Http, ["axum", "axum, a layer that does nothing", "axum, atrion"]);
    let on_a_socket = served(
        Protocol::HttpOverSocket,
        ["axum on a socket", "axum on a socket, a layer that does nothing", "axum on a socket, atrion"],
    );
    in_memory.into_iter().chain(on_a_socket).map(|served| Box::new(served) as Box<dyn Contender>).collect()
}

/// tonic's router without a layer and with Atrion's.
pub(super) fn tonic() -> Vec<Box<dyn Contender>> {
    let router = || ::tonic::service::Routes::new(Greeter).into_axum_router();
    let pulsed = Pulsed::new();
    let names = RouteNames::grpc([GREET]).otherwise("grpc");
    let guarded = router().layer(AdmissionLayer::new(pulsed.atrion.clone()).names(names));
    vec![
        Box::new(Served { name: "tonic", protocol: Protocol::Grpc, router: router(), pulsed: None }),
        Box::new(Served {
            name: "tonic, a layer that does nothing",
            protocol: Protocol::Grpc,
            router: router().layer(idle()),
            pulsed: None,
        }),
        Box::new(Served {
            name: "tonic, atrion",
            protocol: Protocol::Grpc,
            router: guarded,
            pulsed: Some(pulsed),
        }),
    ]
}

/// What the router pays for any layer.
fn idle() -> MapResponseLayer<fn(Response<Body>) -> Response<Body>> {
    MapResponseLayer::new(std::convert::identity)
}

const GREET: &str = "/bench.Greeter/Greet";

#[derive(Clone, Copy)]
enum Protocol {
    Http,
    HttpOverSocket,
    Grpc,
}

struct Served {
    name: &'static str,
    protocol: Protocol,
    router: Router,
    /// Ends with the bench.
    pulsed: Option<Pulsed>,
}

impl Contender for Served {
    fn name(&self) -> &'static str {
        self.name
    }

    fn operation(&self) -> &'static str {
        match self.protocol {
            Protocol::Http => "GET over HTTP/1 in memory",
            Protocol::HttpOverSocket => "GET over HTTP/1 on the loopback address",
            Protocol::Grpc => "a call over HTTP/2 in memory",
        }
    }

    fn clock_reads(&self) -> &'static str {
        if self.pulsed.is_some() { "two" } else { "none" }
    }

    fn session(&self) -> Session<'_> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime of one thread");
        // As `axum::serve` does it: without a state to come, the layers are put on once and not anew
        // for each request.
        let service = TowerToHyperService::new(self.router.clone().with_state(()));
        let pipe = || tokio::io::duplex(64 * 1024);
        match self.protocol {
            Protocol::Http => http(runtime, service, pipe()),
            Protocol::HttpOverSocket => {
                let ends = runtime.block_on(socket()).expect("a socket on the loopback address");
                http(runtime, service, ends)
            }
            Protocol::Grpc => grpc(runtime, service, pipe()),
        }
    }
}

/// The two ends of a connection.
async fn socket() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let (far, _) = listener.accept().await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

fn http(
    runtime: Runtime,
    service: TowerToHyperService<Router>,
    (near, far): (impl Io, impl Io),
) -> Session<'static> {
    let server = hyper::server::conn::http1::Builder::new();
    runtime.spawn(server.serve_connection(TokioIo::new(far), service));
    let client = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(near));
    let (mut client, connection) = runtime.block_on(client).expect("a server at the other end");
    runtime.spawn(connection);
    one_by_one(runtime, async move || {
        client.ready().await.expect("a connection that is kept");
        is_served(client.send_request(request()).await).await
    })
}

fn grpc(
    runtime: Runtime,
    service: TowerToHyperService<Router>,
    (near, far): (impl Io, impl Io),
) -> Session<'static> {
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    runtime.spawn(server.serve_connection(TokioIo::new(far), service));
    let client =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(near));
    let (mut client, connection) = runtime.block_on(client).expect("a server at the other end");
    runtime.spawn(connection);
    one_by_one(runtime, async move || {
        client.ready().await.expect("a connection that is kept");
        is_served(client.send_request(call()).await).await
    })
}

/// Asks as often as it is told, and counts what is served.
fn one_by_one(runtime: Runtime, mut ask: impl AsyncFnMut() -> bool + 'static) -> Session<'static> {
    Box::new(move |operations| {
        runtime.block_on(async {
            let mut served = 0;
            for _ in 0..operations {
                served += u64::from(ask().await);
            }
            served
        })
    })
}

fn request() -> Request<Empty<Bytes>> {
    Request::get("/checkout/1").header(header::HOST, "localhost").body(Empty::new()).expect("a plain request")
}

fn call() -> Request<Empty<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("http://localhost{GREET}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Empty::new())
        .expect("a plain call")
}

async fn is_served(answer: hyper::Result<Response<hyper::body::Incoming>>) -> bool {
    let Ok(answer) = answer else { return false };
    let is_good = answer.status().is_success();
    // To its end, so that the connection can be used again.
    is_good && answer.into_body().collect().await.is_ok()
}

/// A gRPC service that answers with its status alone.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "bench.Greeter";
}

impl Service<Request<::tonic::body::Body>> for Greeter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<::tonic::body::Body>) -> Self::Future {
        let mut answer = Response::new(Body::empty());
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", http::HeaderValue::from_static("0"));
        ready(Ok(answer))
    }
}
