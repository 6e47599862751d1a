// SPDX-License-Identifier: Apache-2.0
//! The service, and the honest clients that measure it.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use atrion_engine::{Atrion, Config};
use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

const WORK: Duration = Duration::from_millis(5);

pub(crate) async fn atrion() -> Atrion {
    Atrion::builder().config(Config::default().slo(Duration::from_secs(1))).connect().await.unwrap()
}

/// `/upload` reads a body, `/patient` does for half a second, `/download` makes one of 16 MB.
pub(crate) fn app() -> Router {
    let upload = async |body: Bytes| {
        tokio::time::sleep(WORK).await;
        body.len().to_string()
    };
    let patient = async |body: Body| match timeout(Duration::from_millis(500), body.collect()).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::REQUEST_TIMEOUT,
    };
    let download = async || {
        tokio::time::sleep(WORK).await;
        Body::new(Chunks(1_000))
    };
    Router::new()
        .route("/upload", post(upload))
        .route("/other", post(upload))
        .route("/patient", post(patient))
        .route("/download", get(download))
}

/// So many chunks of 16 KiB.
struct Chunks(usize);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        static CHUNK: [u8; 16 << 10] = [b'x'; 16 << 10];
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
        self.0 = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&CHUNK)))))
    }
}

/// Serves `app` over HTTP/1 and HTTP/2 on a free port.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// The share of honest requests that were not served, of two seconds after the first one: a hundred
/// a second to `path`.
pub(crate) async fn turned_away(address: SocketAddr, path: &str, version: Version) -> f64 {
    let is_http2 = version == Version::HTTP_2;
    let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).build_http::<Full<Bytes>>();
    let mut pace = interval(Duration::from_millis(10));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (begin, mut calls) = (Instant::now(), tokio::task::JoinSet::new());
    while begin.elapsed() < Duration::from_secs(3) {
        pace.tick().await;
        let request = Request::post(format!("http://{address}{path}"))
            .header("content-type", if is_http2 { "application/grpc" } else { "text/plain" })
            .header("te", "trailers")
            .body(Full::from("a message"))
            .unwrap();
        let (client, counts) = (client.clone(), begin.elapsed() > Duration::from_secs(1));
        calls.spawn(async move {
            let response = client.request(request).await.unwrap();
            let is_refused = response.headers().contains_key("x-atrion-shed");
            assert!(is_refused || response.status().is_success(), "{response:?}");
            let _ = response.into_body().collect().await;
            counts.then_some(is_refused)
        });
    }
    let counted: Vec<bool> = calls.join_all().await.into_iter().flatten().collect();
    assert!(counted.len() > 50, "the machine is too slow to measure: {}", counted.len());
    counted.iter().filter(|refused| **refused).count() as f64 / counted.len() as f64
}

/// Waits until `holds` or fails.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(30), held).await.is_ok(), "never: {what}");
}
