// SPDX-License-Identifier: Apache-2.0
//! Envoy's external processor: Envoy carries the bytes, and asks here about each request.
//!
//! One stream is one exchange and one permit. The head of the request decides: it goes on, or Envoy
//! answers with the refusal. The head or the trailers of the response give the verdict. A stream that
//! ends before gives the permit back, as a request that was cancelled.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/ext_proc_filter>

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt as _, poll_fn};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message as _;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;
use tower_service::Service;

pub(crate) mod behind;

mod exchange;

mod head;

mod told;

mod messages;
use messages::{Asked, HttpHeaders, HttpTrailers, ProcessingRequest, ProcessingResponse};

use crate::client::{Phase, reached};
use crate::listener::Bound;
use crate::places::Places;
use crate::service::Shared;

/// The method that Envoy calls.
const METHOD: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";

/// A message is a head at the most: Envoy's own bound for one is 60 KiB.
const LONGEST_MESSAGE: usize = 1 << 20;

/// Connections of Envoys at one time; each of their threads opens one.
pub(crate) const MOST_CONNECTIONS: u32 = 1024;

/// Takes connections of Envoys until the drain. Each carries that many exchanges at one time.
pub(crate) async fn listen(
    bound: Bound,
    shared: Arc<Shared>,
    streams: u32,
    places: Places,
    mut phase: watch::Receiver<Phase>,
) {
    loop {
        let next = async { Some((places.take().await?, bound.accept().await)) };
        let (place, accepted) = tokio::select! {
            next = next => match next {
                Some(next) => next,
                None => return,
            },
            () = reached(&mut phase, Phase::Draining) => return,
        };
        let Ok((io, _)) = accepted else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (shared, mut phase) = (Arc::clone(&shared), phase.clone());
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            let mut server = http2::Builder::new(TokioExecutor::new());
            server.timer(TokioTimer::new()).max_concurrent_streams(streams);
            server.keep_alive_interval(Duration::from_secs(30));
            let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(io), service));
            tokio::select! {
                _ = connection.as_mut() => return,
                () = reached(&mut phase, Phase::Draining) => {}
            }
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                _ = connection => {}
                () = reached(&mut phase, Phase::CutOff) => {}
            }
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<tonic::body::Body>, Infallible> {
    if request.uri().path() != METHOD {
        return Ok(Status::unimplemented("only envoy.service.ext_proc.v3 is here").into_http());
    }
    let codec = ProstCodec::<ProcessingResponse, ProcessingRequest>::default();
    let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(LONGEST_MESSAGE);
    Ok(grpc.streaming(Process(shared), request).await)
}

/// The fields that a message of Envoy brings and what it tells beside, as an exchange reads them:
/// for the fuzz target.
///
/// # Errors
/// It is no message.
#[doc(hidden)]
pub fn read_message(message: &[u8]) -> Result<(Option<HeaderMap>, Value), prost::DecodeError> {
    let mut message = ProcessingRequest::decode(message)?;
    let told = told::take(&mut message);
    let fields = match message.asked {
        Some(Asked::RequestHeaders(HttpHeaders { headers: Some(headers), .. })) => {
            head::request(&headers).map(|request| request.into_parts().0.headers)
        }
        Some(Asked::ResponseHeaders(HttpHeaders { headers: Some(headers), .. })) => {
            head::response(&headers, ()).map(|response| response.into_parts().0.headers)
        }
        Some(Asked::ResponseTrailers(HttpTrailers { trailers })) => trailers.as_ref().map(head::fields),
        _ => None,
    };
    Ok((fields, told))
}

/// The method, for one stream.
struct Process(Arc<Shared>);

impl Service<tonic::Request<Streaming<ProcessingRequest>>> for Process {
    type Response = tonic::Response<BoxStream<'static, Result<ProcessingResponse, Status>>>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Streaming<ProcessingRequest>>) -> Self::Future {
        // Envoy asks one thing at a time.
        let (answers, mut queue) = mpsc::channel(1);
        tokio::spawn(exchange::run(Arc::clone(&self.0), request.into_inner(), answers));
        ready(Ok(tonic::Response::new(poll_fn(move |cx| queue.poll_recv(cx)).map(Ok).boxed())))
    }
}
