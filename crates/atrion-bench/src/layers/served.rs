// SPDX-License-Identifier: Apache-2.0
//! The layer in a server: axum over HTTP/1, tonic over HTTP/2, and a client at the other end of a
//! pipe in memory.

use std::convert::Infallible;
use std::future::{Ready, ready};
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
use tower::Service;
use tower::util::MapResponseLayer;

use super::Pulsed;
use crate::contender::{Contender, Session};

/// axum without a layer and with Atrion's.
pub(super) fn axum() -> Vec<Box<dyn Contender>> {
    let router = || Router::new().route("/checkout/{id}", get(|| async { "done" }));
    let pulsed = Pulsed::new();
    let guarded = router().layer(AdmissionLayer::new(pulsed.atrion.clone()));
    vec![
        Box::new(Served { name: "axum", protocol: Protocol::Http, router: router(), pulsed: None }),
        Box::new(Served {
            name: "axum, a layer that does nothing",
            protocol: Protocol::Http,
            router: router().layer(idle()),
            pulsed: None,
        }),
        Box::new(Served {
            name: "axum, atrion",
            protocol: Protocol::Http,
            router: guarded,
            pulsed: Some(pulsed),
        }),
    ]
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
            Protocol::Grpc => "a call over HTTP/2 in memory",
        }
    }

    fn clock_reads(&self) -> &'static str {
        if self.pulsed.is_some() { "two" } else { "none" }
    }

    fn session(&self) -> Session<'_> {
        let runtime = crate::peers::runtime();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let service = TowerToHyperService::new(self.router.clone());
        let (near, far) = (TokioIo::new(near), TokioIo::new(far));
        match self.protocol {
            Protocol::Http => {
                runtime.spawn(hyper::server::conn::http1::Builder::new().serve_connection(far, service));
                let client = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(near);
                let (mut client, connection) = runtime.block_on(client).expect("a server at the other end");
                runtime.spawn(connection);
                Box::new(move |operations| {
                    runtime.block_on(async {
                        let mut served = 0;
                        for _ in 0..operations {
                            client.ready().await.expect("a connection that is kept");
                            served += u64::from(is_served(client.send_request(request()).await).await);
                        }
                        served
                    })
                })
            }
            Protocol::Grpc => {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                runtime.spawn(server.serve_connection(far, service));
                let client =
                    hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), near);
                let (mut client, connection) = runtime.block_on(client).expect("a server at the other end");
                runtime.spawn(connection);
                Box::new(move |operations| {
                    runtime.block_on(async {
                        let mut served = 0;
                        for _ in 0..operations {
                            client.ready().await.expect("a connection that is kept");
                            served += u64::from(is_served(client.send_request(call()).await).await);
                        }
                        served
                    })
                })
            }
        }
    }
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
