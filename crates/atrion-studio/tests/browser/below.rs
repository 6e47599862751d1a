// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A proxy that serves Studio below a path, as an ingress does.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

pub(crate) const PATH: &str = "/ops/studio";

/// Serves everything that `studio` has, below [`PATH`].
pub(crate) async fn serve(listener: TcpListener, studio: SocketAddr) {
    let all = Router::new().fallback(move |request| forward(studio, request));
    axum::serve(listener, all).await.unwrap();
}

async fn forward(to: SocketAddr, mut request: Request) -> Response {
    let target = request.uri().to_string();
    let Some(target) = target.strip_prefix(PATH) else { return StatusCode::NOT_FOUND.into_response() };
    *request.uri_mut() = target.parse().unwrap();
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap().map(Body::new)
}
