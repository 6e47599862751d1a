// SPDX-License-Identifier: Apache-2.0
//! The listener for operators: probes, metrics, and the JSON API. It only reads, and asks for
//! no credentials: it belongs on the loopback or behind a network policy.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use atrion::api::Api;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::sleep;
use tower_service::Service as _;

use crate::listener::Bound;
use crate::metrics::Metrics;
use crate::places::Places;

/// What operators see.
pub(crate) struct Admin {
    pub(crate) api: Api,
    pub(crate) metrics: Arc<Metrics>,
    /// Whether balancers may send requests.
    pub(crate) is_ready: AtomicBool,
}

/// Connections of operators at one time.
const MOST: u32 = 64;

impl Admin {
    /// Takes connections for ever.
    pub(crate) async fn listen(self: Arc<Self>, bound: Bound) {
        let places = Places::new(MOST);
        loop {
            let Some(place) = places.take().await else { return };
            let Ok((io, _)) = bound.accept().await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let admin = Arc::clone(&self);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let answer = admin.answer(&request);
                    async { Ok::<_, Infallible>(answer) }
                });
                let mut server = http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
                // Its errors are those of the operator's connection.
                drop(server.serve_connection(TokioIo::new(io), service).await);
                drop(place);
            });
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is here\n");
        }
        match request.uri().path() {
            "/livez" if self.api.atrion().is_stalled() => {
                text(StatusCode::SERVICE_UNAVAILABLE, "the pulse has stopped\n")
            }
            "/livez" => text(StatusCode::OK, "alive\n"),
            "/readyz" if self.is_ready.load(Relaxed) => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            "/metrics" => match self.metrics.page() {
                Ok(page) => text(StatusCode::OK, page),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            },
            _ => self.api(request),
        }
    }

    fn api(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        let Ok(answer) = self.api.clone().call(head).into_inner();
        answer
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
