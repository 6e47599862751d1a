// SPDX-License-Identifier: Apache-2.0
//! Streams over real connections: a client that leaves gives its place back, and one that does not
//! read is in nobody's way.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use atrion_engine::Atrion;
use atrion_tower::{AdmissionLayer, Hold, RouteNames};
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Version};
use http_body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::nuisance::downloads;
use crate::serve::{app, atrion, serve, turned_away, until};

/// One event, and nothing after it.
struct Events(Option<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.take().map_or(Poll::Pending, |event| Poll::Ready(Some(Ok(Frame::data(event)))))
    }
}

async fn streaming() -> (Atrion, SocketAddr) {
    let atrion = atrion().await;
    let layer = AdmissionLayer::new(atrion.clone()).hold(Hold::Stream).names(RouteNames::fixed("streams"));
    let events = async || Body::new(Events(Some(Bytes::from_static(b"data: 1\n\n"))));
    let address = serve(app().route("/events", get(events)).layer(layer)).await;
    (atrion, address)
}

/// In flight, and open.
fn seen(atrion: &Atrion) -> [u64; 2] {
    let route = atrion.route("streams").snapshot();
    [route.in_flight, route.streams]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_gives_its_place_back() {
    let (atrion, address) = streaming().await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut seen_so_far = Vec::new();
    while !seen_so_far.ends_with(b"data: 1\n\n\r\n") {
        seen_so_far.push(socket.read_u8().await.unwrap());
    }
    assert_eq!(seen(&atrion), [0, 1]);
    drop(socket);
    until("it is closed", || seen(&atrion) == [0, 0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_http2_that_is_reset_gives_its_place_back() {
    let (atrion, address) = streaming().await;
    let socket = TcpStream::connect(address).await.unwrap();
    let (requests, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let mut requests = requests.ready().await.unwrap();
    let request = Request::get(format!("http://{address}/events")).body(()).unwrap();
    let (answer, _) = requests.send_request(request, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "data: 1\n\n");
    assert_eq!(seen(&atrion), [0, 1]);
    drop(body);
    until("it is closed", || seen(&atrion) == [0, 0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_after_the_first_byte_are_in_nobodys_way() {
    let (atrion, address) = streaming().await;
    let _clients = downloads(address, 50);
    until("their streams are open", || seen(&atrion)[1] == 50).await;
    let share = turned_away(address, "/upload", Version::HTTP_11).await;
    assert!(share <= 0.01, "{share}");
    assert!(seen(&atrion)[1] >= 50);
}
