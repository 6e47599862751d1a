// SPDX-License-Identifier: Apache-2.0

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use atrion_engine::{Config, RouteConfig};
use atrion_tower::{AdmissionLayer, Hold, RequestBody, RequestHead};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::mpsc;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt as _, service_fn};

use crate::support::{Body, World, body, exchange, get, spawn};

/// A body of known length that never reports its end, like one that is copied from a file.
pub(crate) struct File(pub(crate) Vec<Bytes>);

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
    assert_eq!(world.in_flight("unmatched"), 0);
    drop(answer);
    assert_eq!(world.counts("unmatched").succeeded(), 1);
}

#[tokio::test]
async fn the_body_can_be_part_of_the_work() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(file(2))).await;
    let mut body = answer.into_body();
    assert!(body.frame().await.is_some());
    // What has been made waits for the client to take it.
    assert_eq!((world.in_flight("unmatched"), world.waiting("unmatched")), (0, 1));
    assert!(body.frame().await.is_some());
    // A server stops polling when the announced length has been sent.
    assert_eq!((world.in_flight("unmatched"), world.waiting("unmatched")), (0, 0));
    drop(body);
    assert_eq!(world.counts("unmatched").succeeded(), 1);
}

#[tokio::test]
async fn the_configuration_of_a_route_says_more_than_the_layer_and_less_than_a_rule() {
    let entry = RouteConfig::default().hold(Hold::Body);
    let world = World::new(Config::default().route("unmatched", entry)).await;
    let held = async |layer: AdmissionLayer| {
        let (mut service, mut server) = spawn(layer);
        let answer = exchange(&mut service, &mut server, get("/"), Response::new(file(2))).await;
        let held = world.waiting("unmatched");
        answer.into_body().collect().await.unwrap();
        held
    };
    assert_eq!(held(world.layer()).await, 1);
    assert_eq!(held(world.layer().hold(Hold::Head)).await, 1);
    assert_eq!(held(world.layer().hold_by(|_| Some(Hold::Head))).await, 0);
    world.atrion.replace_config(Config::default()).unwrap();
    assert_eq!(held(world.layer()).await, 0);
}

#[tokio::test]
async fn the_verdict_of_the_head_holds_at_the_end_of_the_body() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let mut response = Response::new(body("out of order"));
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    let answer = exchange(&mut service, &mut server, get("/"), response).await;
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "out of order");
    assert_eq!(world.counts("unmatched").failed(), 1);
}

#[tokio::test]
async fn a_body_that_is_empty_from_the_start_ends_at_the_head() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(body(""))).await;
    assert_eq!(world.in_flight("unmatched"), 0);
    drop(answer);
    assert_eq!(world.counts("unmatched").succeeded(), 1);
}

#[tokio::test]
async fn a_head_request_ends_at_the_head_because_no_body_is_sent() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let request = Request::head("/").body(Full::default()).unwrap();
    // A handler for GET has made the body; the server drops it.
    let answer = exchange(&mut service, &mut server, request, Response::new(file(2))).await;
    assert_eq!(world.in_flight("unmatched"), 0);
    drop(answer);
    let counts = world.counts("unmatched");
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
    let counts = world.counts("unmatched");
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
    assert_eq!(world.in_flight("unmatched"), 0);
    assert_eq!(world.counts("unmatched").cancelled(), 1);
}

/// A body that gives what it is told to, and has nothing in between.
struct Told(mpsc::UnboundedReceiver<Bytes>);

impl HttpBody for Told {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn told() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (tell, told) = mpsc::unbounded_channel();
    (tell, Told(told).boxed_unsync())
}

#[tokio::test]
async fn the_client_is_waited_for_between_frames_and_the_service_within() {
    let world = World::new(Config::default().slo(Duration::from_millis(50))).await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Body));
    let (tell, stream) = told();
    let answer = exchange(&mut service, &mut server, get("/"), Response::new(stream)).await;
    let mut body = answer.into_body();
    let seen = || (world.in_flight("unmatched"), world.waiting("unmatched"));
    assert_eq!(seen(), (0, 1), "the body has not been polled yet");
    let mut frame = tokio_test::task::spawn(body.frame());
    assert!(frame.poll().is_pending());
    assert_eq!(seen(), (1, 0), "the service makes a frame");
    world.clock.advance(Duration::from_millis(30));
    tell.send(Bytes::from_static(b"a")).unwrap();
    assert!(frame.poll().is_ready());
    drop(frame);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(seen(), (0, 1), "the client reads slowly");
    drop(tell);
    assert!(body.frame().await.is_none());
    assert_eq!(seen(), (0, 0));
    let counts = world.counts("unmatched");
    assert_eq!((counts.succeeded(), counts.late()), (1, 0), "a slow reader makes no call late");
}

#[tokio::test]
async fn an_upload_is_waited_for_while_its_body_has_nothing() {
    let world = World::new(Config::default().slo(Duration::from_millis(50))).await;
    let reads = service_fn(async |request: Request<RequestBody<Body>>| {
        let size = request.into_body().collect().await.unwrap().to_bytes().len();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(size.to_string()))))
    });
    let mut service = world.layer().layer(reads);
    let (tell, upload) = told();
    let mut call = tokio_test::task::spawn(service.call(Request::post("/").body(upload).unwrap()));
    let seen = || (world.in_flight("unmatched"), world.waiting("unmatched"));
    assert_eq!(seen(), (1, 0), "the handler has not asked for the body yet");
    assert!(call.poll().is_pending());
    assert_eq!(seen(), (0, 1));
    world.clock.advance(Duration::from_secs(10));
    tell.send(Bytes::from_static(b"abc")).unwrap();
    assert!(call.is_woken() && call.poll().is_pending());
    assert_eq!(seen(), (0, 1), "three bytes were handled, and the next are waited for");
    drop(tell);
    let answer = call.await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "3");
    let counts = world.counts("unmatched");
    assert_eq!((counts.succeeded(), counts.late(), seen()), (1, 0, (0, 0)));
}

#[tokio::test]
async fn an_upload_that_its_client_gives_up_is_counted_back() {
    let world = World::with_room_for_one().await;
    let reads = service_fn(async |request: Request<RequestBody<Body>>| {
        request.into_body().collect().await.map(|_| Response::new(body("")))
    });
    let mut service = world.layer().layer(reads);
    let (_tell, upload) = told();
    let mut call = tokio_test::task::spawn(service.call(Request::post("/").body(upload).unwrap()));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!((world.in_flight("unmatched"), world.waiting("unmatched")), (0, 0));
    assert_eq!(world.counts("unmatched").cancelled(), 1);
}

#[tokio::test]
async fn streams_of_events_and_other_connections_end_at_their_head() {
    let response = |status: u16, kind: &str| {
        let (tell, stream) = told();
        (tell, Response::builder().status(status).header("content-type", kind).body(stream).unwrap())
    };
    let rule = |head: &RequestHead<'_>| head.uri.path().starts_with("/held").then_some(Hold::Body);
    for (method, path, status, kind, is_held) in [
        ("GET", "/", 200, "text/plain", true),
        ("GET", "/", 200, "text/event-stream", false),
        ("GET", "/", 200, "Text/Event-Stream; charset=utf-8", false),
        ("GET", "/", 101, "", false),
        ("CONNECT", "/", 200, "", false),
        ("GET", "/held", 200, "text/event-stream", true),
        ("HEAD", "/held", 200, "text/plain", false),
    ] {
        let world = World::with_room_for_one().await;
        let (mut service, mut server) = spawn(world.layer().hold(Hold::Body).hold_by(rule));
        let request = Request::builder().method(method).uri(path).body(Full::default()).unwrap();
        let (_tell, answer) = response(status, kind);
        let answer = exchange(&mut service, &mut server, request, answer).await;
        assert_eq!(world.waiting("unmatched"), u64::from(is_held), "{method} {path} {status} {kind}");
        drop(answer);
    }
}

#[tokio::test]
async fn a_rule_holds_some_routes_longer_than_others() {
    let world = World::with_room_for_one().await;
    let rule = |head: &RequestHead<'_>| (head.uri.path() == "/export").then_some(Hold::Body);
    let (mut service, mut server) = spawn(world.layer().hold_by(rule));
    for (path, is_held) in [("/export", 1), ("/other", 0)] {
        let answer = exchange(&mut service, &mut server, get(path), Response::new(file(2))).await;
        assert_eq!(world.waiting("unmatched"), is_held, "{path}");
        drop(answer);
    }
}

/// A handler that needs the whole body.
async fn reads(request: Request<RequestBody<Body>>) -> std::io::Result<Response<Body>> {
    request.into_body().collect().await.map(|_| Response::new(body("")))
}

/// The same, that waits for a second, and fails when it has it.
async fn gives_up(request: Request<RequestBody<Body>>) -> std::io::Result<Response<Body>> {
    let done = tokio::time::timeout(Duration::from_secs(1), reads(request)).await;
    let status = if done.is_ok() { 500 } else { 408 };
    Ok(Response::builder().status(status).body(body("")).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_an_upload_is_its_clients_failure() {
    let world = World::with_room_for_one().await;
    let upload = || {
        let (tell, upload) = told();
        (tell, Request::post("/").body(upload).unwrap())
    };
    let within = || world.layer().layer(service_fn(gives_up));
    let (_tell, request) = upload();
    assert_eq!(within().oneshot(request).await.unwrap().status(), 408);
    let around = ServiceBuilder::new().timeout(Duration::from_secs(1)).service(service_fn(reads));
    let (_tell, request) = upload();
    assert!(world.layer().layer(around).oneshot(request).await.is_err());
    let counts = world.counts("unmatched");
    assert_eq!((counts.failed(), counts.ignored()), (0, 2));

    let (tell, request) = upload();
    drop(tell);
    assert_eq!(within().oneshot(request).await.unwrap().status(), 500);
    assert_eq!(world.counts("unmatched").failed(), 1, "the whole request was there");
}
