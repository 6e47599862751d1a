// SPDX-License-Identifier: Apache-2.0

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use atrion_engine::Config;
use atrion_tower::{Hold, RequestBody, RouteNames, StreamSlot};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tower::{Layer as _, Service as _, service_fn};

use crate::support::{Answer, Body, Sent, World, begin, exchange, get, refused, spawn};

const ROUTE: &str = "stream";
const MESSAGE: &[u8] = b"\0\0\0\0\0";

type Told = io::Result<Frame<Bytes>>;

/// A body that gives what it is told to, and has nothing in between.
struct Stream(UnboundedReceiver<Told>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        self.0.poll_recv(cx)
    }
}

fn stream() -> (UnboundedSender<Told>, Body) {
    let (tell, told) = mpsc::unbounded_channel();
    (tell, Stream(told).boxed_unsync())
}

fn data(bytes: &'static [u8]) -> Told {
    Ok(Frame::data(Bytes::from_static(bytes)))
}

fn status(code: &'static str) -> Told {
    Ok(Frame::trailers(HeaderMap::from_iter([(
        "grpc-status".parse().unwrap(),
        HeaderValue::from_static(code),
    )])))
}

async fn world() -> World {
    World::new(Config::default().slo(Duration::from_millis(50))).await
}

impl World {
    fn streaming(&self) -> atrion_tower::AdmissionLayer {
        self.layer().names(RouteNames::fixed(ROUTE)).hold(Hold::Stream)
    }

    /// In flight, waiting for its client, and open as a stream.
    fn seen(&self) -> [u64; 3] {
        let route = self.atrion.route(ROUTE).snapshot();
        [route.in_flight, route.waiting, route.streams]
    }

    /// In time, late, failed, cancelled.
    fn ended(&self) -> [u64; 4] {
        let counts = self.counts(ROUTE);
        [counts.succeeded(), counts.late(), counts.failed(), counts.cancelled()]
    }
}

/// An answer of that type whose body is told.
async fn answered(world: &World, request: Sent, kind: &str) -> (UnboundedSender<Told>, Answer) {
    let (mut service, mut server) = spawn(world.streaming());
    let (tell, body) = stream();
    let answer = Response::builder().header("content-type", kind).body(body).unwrap();
    (tell, exchange(&mut service, &mut server, request, answer).await)
}

fn call() -> Sent {
    let call = Request::post("/shop.Orders/Watch").version(http::Version::HTTP_2);
    call.header("content-type", "application/grpc").body(Full::default()).unwrap()
}

#[tokio::test]
async fn lateness_is_judged_at_the_first_byte_and_the_place_held_to_the_end() {
    for (first, ended) in [(30, [1, 0, 0, 0]), (60, [0, 1, 0, 0])] {
        let world = world().await;
        let (tell, answer) = answered(&world, get("/"), "text/event-stream").await;
        let mut body = answer.into_body();
        let mut frame = tokio_test::task::spawn(body.frame());
        assert!(frame.poll().is_pending());
        assert_eq!(world.seen(), [1, 0, 0], "the service makes the first event");
        world.clock.advance(Duration::from_millis(first));
        tell.send(data(b"data: 1\n\n")).unwrap();
        assert!(frame.poll().is_ready());
        drop(frame);
        assert_eq!(world.seen(), [0, 0, 1]);
        assert_eq!(world.ended(), ended, "the verdict is known while the stream is open");
        world.clock.advance(Duration::from_secs(3_600));
        drop(tell);
        assert!(body.frame().await.is_none());
        assert_eq!((world.seen(), world.ended()), ([0, 0, 0], ended));
    }
}

#[tokio::test]
async fn a_head_alone_or_an_empty_frame_is_no_answer() {
    let world = world().await;
    let (tell, answer) = answered(&world, get("/"), "text/event-stream").await;
    let mut body = answer.into_body();
    tell.send(data(b"")).unwrap();
    assert!(body.frame().await.is_some());
    assert_eq!(world.seen()[2], 0);
    drop(body);
    assert_eq!(world.ended(), [0, 0, 0, 1], "it left without an answer");
}

#[tokio::test]
async fn a_cap_counts_open_streams_and_a_client_that_leaves_gives_its_place_back() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.streaming());
    let (tell, body) = stream();
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(body)).await;
    let mut body = answer.into_body();
    tell.send(data(b"token")).unwrap();
    assert!(body.frame().await.is_some());
    let answer = refused(&mut service, &mut server, get("/")).await;
    assert_eq!(answer.headers()["x-atrion-shed"], "at_cap");
    drop(body);
    assert_eq!(world.seen(), [0, 0, 0]);
    let _admitted = begin(&mut service, get("/"));
    assert!(server.next_request().await.is_some());
    assert_eq!(world.ended(), [1, 0, 0, 0], "its first byte was in time");
}

#[tokio::test]
async fn readers_that_stand_still_are_no_load() {
    let world = world().await;
    let mut open = Vec::new();
    for _ in 0..300 {
        // The head waits for its reader, then the first event does.
        let (tell, answer) = answered(&world, get("/"), "text/event-stream").await;
        assert_eq!(world.seen()[0], 0);
        let mut body = answer.into_body();
        tell.send(data(b"data: 1\n\n")).unwrap();
        assert!(body.frame().await.is_some());
        open.push(body);
    }
    assert_eq!(world.seen(), [0, 0, 300]);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.ended(), [300, 0, 0, 0]);
    let (mut service, mut server) = spawn(world.streaming());
    let _admitted = begin(&mut service, get("/"));
    assert!(server.next_request().await.is_some());
}

#[tokio::test]
async fn a_stream_that_breaks_or_panics_after_its_first_byte_is_a_failure() {
    let world = world().await;
    let (tell, answer) = answered(&world, get("/"), "text/event-stream").await;
    tell.send(data(b"data: 1\n\n")).unwrap();
    tell.send(Err(io::Error::other("reset"))).unwrap();
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!((world.seen(), world.ended()), ([0, 0, 0], [1, 0, 1, 0]));

    let (mut service, mut server) = spawn(world.streaming());
    let (tell, body) = stream();
    tell.send(data(b"data: 1\n\n")).unwrap();
    drop(tell);
    let bug = body.with_trailers(async { panic!("a bug in a stream") });
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(bug.boxed_unsync())).await;
    let read = async move { answer.into_body().collect().await.is_ok() };
    assert!(tokio::spawn(read).await.unwrap_err().is_panic());
    assert_eq!((world.seen(), world.ended()), ([0, 0, 0], [2, 0, 2, 0]));
}

#[tokio::test]
async fn an_answer_that_is_no_success_ends_at_its_head() {
    let world = world().await;
    let (mut service, mut server) = spawn(world.streaming());
    let (_tell, body) = stream();
    let answer = Response::builder().status(500).body(body).unwrap();
    let _answer = exchange(&mut service, &mut server, get("/"), answer).await;
    assert_eq!((world.seen(), world.ended()), ([0, 0, 0], [0, 0, 1, 0]));
}

#[tokio::test]
async fn grpc_server_streaming_is_judged_at_the_first_message_and_its_trailers_are_heard() {
    for (code, failed) in [("0", 0), ("5", 0), ("14", 1)] {
        let world = world().await;
        let (tell, answer) = answered(&world, call(), "application/grpc").await;
        let mut body = answer.into_body();
        for _ in 0..3 {
            tell.send(data(MESSAGE)).unwrap();
            assert!(body.frame().await.unwrap().unwrap().is_data());
            assert_eq!(world.seen(), [0, 0, 1]);
            world.clock.advance(Duration::from_secs(10));
        }
        tell.send(status(code)).unwrap();
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], code);
        assert_eq!((world.seen(), world.ended()), ([0, 0, 0], [1, 0, failed, 0]), "{code}");
    }
}

#[tokio::test]
async fn grpc_trailers_without_a_message_give_the_verdict() {
    for (code, ended) in [("0", [1, 0, 0, 0]), ("13", [0, 0, 1, 0])] {
        let world = world().await;
        let (tell, answer) = answered(&world, call(), "application/grpc").await;
        tell.send(status(code)).unwrap();
        drop(tell);
        answer.into_body().collect().await.unwrap();
        assert_eq!((world.seen(), world.ended()), ([0, 0, 0], ended), "{code}");
    }
}

/// A handler of gRPC that answers each message with one, or all of them with one.
async fn echo(request: Request<RequestBody<Body>>, each: bool) -> Result<Response<Body>, Infallible> {
    let (tell, answer) = stream();
    let mut body = request.into_body();
    tokio::spawn(async move {
        while let Some(Ok(_)) = body.frame().await {
            if each && tell.send(data(MESSAGE)).is_err() {
                return;
            }
        }
        let last = if each { None } else { Some(data(MESSAGE)) };
        let _ = last.into_iter().chain([status("0")]).try_for_each(|frame| tell.send(frame));
    });
    Ok(Response::builder().header("content-type", "application/grpc").body(answer).unwrap())
}

fn upload() -> (UnboundedSender<Told>, Request<Body>) {
    let (tell, body) = stream();
    (tell, call().map(|_| body))
}

#[tokio::test]
async fn grpc_client_streaming_waits_for_its_client_and_is_judged_at_its_answer() {
    let world = world().await;
    let mut service = world.streaming().layer(service_fn(|request| echo(request, false)));
    let (tell, request) = upload();
    let mut body = service.call(request).await.unwrap().into_body();
    let mut frame = tokio_test::task::spawn(body.frame());
    for _ in 0..3 {
        tell.send(data(MESSAGE)).unwrap();
        assert!(frame.poll().is_pending());
        tokio::task::yield_now().await;
        assert_eq!(world.seen(), [0, 1, 0], "the next message is waited for");
        world.clock.advance(Duration::from_secs(10));
    }
    drop(tell);
    tokio::task::yield_now().await;
    assert!(frame.poll().is_ready());
    drop(frame);
    assert_eq!(body.collect().await.unwrap().trailers().unwrap()["grpc-status"], "0");
    assert_eq!((world.seen(), world.ended()), ([0, 0, 0], [1, 0, 0, 0]));
}

#[tokio::test]
async fn grpc_both_ways_is_judged_at_the_first_answer_and_open_until_its_trailers() {
    let world = world().await;
    let mut service = world.streaming().layer(service_fn(|request| echo(request, true)));
    let (tell, request) = upload();
    let mut body = service.call(request).await.unwrap().into_body();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(10));
        tell.send(data(MESSAGE)).unwrap();
        assert!(body.frame().await.unwrap().unwrap().is_data());
        assert_eq!(world.seen(), [0, 0, 1]);
    }
    drop(tell);
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    let [succeeded, late, failed, cancelled] = world.ended();
    assert_eq!((world.seen(), failed, cancelled, succeeded + late), ([0, 0, 0], 0, 0, 1));
}

#[tokio::test]
async fn an_upgraded_connection_holds_its_place_until_its_slot_is_dropped() {
    for (method, code, is_held) in
        [("GET", 101, true), ("CONNECT", 200, true), ("GET", 200, false), ("CONNECT", 502, false)]
    {
        let world = world().await;
        let (mut service, mut server) = spawn(world.streaming());
        let request = Request::builder().method(method).uri("/").header("upgrade", "websocket");
        let call = begin(&mut service, request.body(Full::default()).unwrap());
        let (mut seen, send) = server.next_request().await.unwrap();
        let slot = seen.extensions_mut().remove::<StreamSlot>().unwrap();
        let answer = Response::builder().status(code).body(crate::support::body("")).unwrap();
        send.send_response(answer);
        drop(call.await.unwrap());
        assert_eq!(world.seen(), [0, 0, u64::from(is_held)], "{method} {code}");
        drop(slot);
        assert_eq!(world.seen(), [0, 0, 0]);
        let ended = if code == 502 { [0, 0, 1, 0] } else { [1, 0, 0, 0] };
        assert_eq!(world.ended(), ended, "{method} {code}");
    }
}

#[tokio::test]
async fn a_slot_that_nobody_keeps_ends_with_the_head_and_others_get_none() {
    let world = world().await;
    let (mut service, mut server) = spawn(world.streaming());
    let request = Request::get("/").header("upgrade", "websocket").body(Full::default()).unwrap();
    let switching = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let answer = switching.body(crate::support::body("")).unwrap();
    let _answer = exchange(&mut service, &mut server, request, answer).await;
    assert_eq!((world.seen(), world.ended()), ([0, 0, 0], [1, 0, 0, 0]));

    let _plain = begin(&mut service, get("/"));
    let (seen, _send) = server.next_request().await.unwrap();
    assert!(seen.extensions().get::<StreamSlot>().is_none());
    let (mut service, mut server) = spawn(world.layer());
    let connect = Request::builder().method(Method::CONNECT).uri("/").body(Full::default()).unwrap();
    let _connect = begin(&mut service, connect);
    let (seen, _send) = server.next_request().await.unwrap();
    assert!(seen.extensions().get::<StreamSlot>().is_none(), "the layer does not hold streams");
}
