// SPDX-License-Identifier: Apache-2.0

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use atrion_tower::Hold;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;

use crate::support::{Body, World, body, exchange, get, spawn};

/// A body of known length that never reports its end, like one that is copied from a file.
struct File(Vec<Bytes>);

impl HttpBody for File {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|chunk| chunk.len() as u64).sum())
    }
}

fn file(chunks: usize) -> Body {
    File(vec![Bytes::from_static(b"chunk"); chunks]).map_err(|never| match never {}).boxed_unsync()
}

#[tokio::test]
async fn by_default_the_head_is_the_end() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(file(3))).await;
    assert_eq!(world.in_flight("http"), 0);
    drop(answer);
    assert_eq!(world.counts("http").succeeded(), 1);
}

#[tokio::test]
async fn the_body_can_be_part_of_the_work() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(file(2))).await;
    let mut body = answer.into_body();
    assert!(body.frame().await.is_some());
    assert_eq!(world.in_flight("http"), 1);
    assert!(body.frame().await.is_some());
    // A server stops polling when the announced length has been sent.
    assert_eq!(world.in_flight("http"), 0);
    drop(body);
    assert_eq!(world.counts("http").succeeded(), 1);
}

#[tokio::test]
async fn the_verdict_of_the_head_holds_at_the_end_of_the_body() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let mut response = Response::new(body("out of order"));
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    let answer = exchange(&mut service, &mut server, get("/"), response).await;
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "out of order");
    assert_eq!(world.counts("http").failed(), 1);
}

#[tokio::test]
async fn a_body_that_is_empty_from_the_start_ends_at_the_head() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(body(""))).await;
    assert_eq!(world.in_flight("http"), 0);
    drop(answer);
    assert_eq!(world.counts("http").succeeded(), 1);
}

#[tokio::test]
async fn a_head_request_ends_at_the_head_because_no_body_is_sent() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let request = Request::head("/").body(()).unwrap();
    // A handler for GET has made the body; the server drops it.
    let answer = exchange(&mut service, &mut server, request, Response::new(file(2))).await;
    assert_eq!(world.in_flight("http"), 0);
    drop(answer);
    let counts = world.counts("http");
    assert_eq!((counts.succeeded(), counts.cancelled()), (1, 0));
}

#[tokio::test]
async fn a_body_that_panics_is_a_failure() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let bug = http_body_util::Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .with_trailers(async { panic!("a bug in a stream") });
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(bug.boxed_unsync())).await;
    let mut body = answer.into_body();
    let read = async move { body.frame().await.is_some() };
    assert!(tokio::spawn(read).await.unwrap_err().is_panic());
    let counts = world.counts("http");
    assert_eq!((counts.failed(), counts.cancelled()), (1, 0));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_has_cancelled() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(file(2))).await;
    let mut body = answer.into_body();
    assert!(body.frame().await.is_some());
    drop(body);
    assert_eq!(world.in_flight("http"), 0);
    assert_eq!(world.counts("http").cancelled(), 1);
}
