// SPDX-License-Identifier: Apache-2.0

use atrion_engine::Counts;
use atrion_tower::{Hold, RouteNames};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};

use crate::hold::File;
use crate::support::{Body, Sent, World, begin, body, exchange, refused, spawn};

const METHOD: &str = "/shop.Checkout/Pay";

fn request() -> Sent {
    let request = Request::post(METHOD).version(Version::HTTP_2);
    request.header("content-type", "application/grpc+proto").body(Full::default()).unwrap()
}

fn response(body: Body) -> Response<Body> {
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

/// A body: a message, then this status in the trailers.
fn ends_with(status: &'static str) -> Body {
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static(status))]);
    Full::new(Bytes::from_static(b"\0\0\0\0\0"))
        .with_trailers(std::future::ready(Some(Ok(trailers))))
        .map_err(|never| match never {})
        .boxed_unsync()
}

#[tokio::test]
async fn a_refusal_is_unavailable_with_pushback_and_nothing_else() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().names(RouteNames::grpc([METHOD])));
    let _first = begin(&mut service, request());
    let _in_flight = server.next_request().await.unwrap();
    let answer = refused(&mut service, &mut server, request()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/grpc+proto");
    assert_eq!(answer.headers()["grpc-status"], "14");
    assert_eq!(answer.headers()["x-atrion-shed"], "at_cap");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let message = answer.headers()["grpc-message"].to_str().unwrap();
    assert!(message.starts_with("/shop.Checkout/Pay refused a request of "), "{message}");
    let pushback: u64 = answer.headers()["grpc-retry-pushback-ms"].to_str().unwrap().parse().unwrap();
    assert!((100..=75_000).contains(&pushback), "{pushback}");
    assert!(answer.body().is_end_stream(), "the status has to be in the last frame");
    assert!(answer.into_body().frame().await.is_none());
}

#[tokio::test]
async fn a_content_type_alone_makes_no_grpc_call() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let _first = begin(&mut service, request());
    let _in_flight = server.next_request().await.unwrap();
    let with = |method, version, kind: &str, te: &str| {
        let request = Request::builder().method(method).version(version).header("te", te);
        request.header("content-type", kind).body(Full::default()).unwrap()
    };
    let (grpc, web) = ("application/grpc", "application/grpc-web+proto");
    for (request, status) in [
        (with(Method::POST, Version::HTTP_2, grpc, ""), 200),
        (with(Method::POST, Version::HTTP_11, grpc, "trailers"), 200),
        (with(Method::POST, Version::HTTP_11, web, ""), 200),
        (with(Method::POST, Version::HTTP_11, grpc, ""), 503),
        (with(Method::GET, Version::HTTP_2, grpc, "trailers"), 503),
        (with(Method::GET, Version::HTTP_11, web, ""), 503),
    ] {
        let what = format!("{request:?}");
        let answer = refused(&mut service, &mut server, request).await;
        assert_eq!(answer.status(), status, "{what}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{what}");
    }
}

/// One exchange whose answer is read to its end.
async fn counted(answer: Response<Body>) -> Counts {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let answer = exchange(&mut service, &mut server, request(), answer).await;
    let mut body = answer.into_body();
    while body.frame().await.is_some() {}
    assert_eq!(world.in_flight("unmatched"), 0);
    world.counts("unmatched")
}

#[tokio::test]
async fn the_trailers_give_the_verdict() {
    assert_eq!(counted(response(ends_with("0"))).await.succeeded(), 1);
    assert_eq!(counted(response(ends_with("13"))).await.failed(), 1);
    assert_eq!(counted(response(ends_with("5"))).await.ignored(), 1);
}

#[tokio::test]
async fn a_status_in_the_head_gives_it_at_once() {
    let mut answer = response(body(""));
    answer.headers_mut().insert("grpc-status", HeaderValue::from_static("4"));
    assert_eq!(counted(answer).await.failed(), 1);
}

#[tokio::test]
async fn a_response_without_any_status_is_a_failure() {
    assert_eq!(counted(response(body("\0\0\0\0\0"))).await.failed(), 1);
    assert_eq!(counted(response(body(""))).await.failed(), 1, "also if its body is never looked at");
}

#[tokio::test]
async fn a_broken_body_is_a_failure_and_a_dropped_one_is_cancelled() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let broken = Full::new(Bytes::from_static(b"\0"))
        .map_err(|never| match never {})
        .with_trailers(std::future::ready(Some(Err(std::io::Error::other("reset")))))
        .boxed_unsync();
    let answer = exchange(&mut service, &mut server, request(), response(broken)).await;
    assert!(answer.into_body().collect().await.is_err());
    let answer = exchange(&mut service, &mut server, request(), response(ends_with("0"))).await;
    assert_eq!((world.in_flight("unmatched"), world.waiting("unmatched")), (0, 1));
    drop(answer);
    let counts = world.counts("unmatched");
    assert_eq!((counts.failed(), counts.cancelled(), counts.succeeded()), (1, 1, 0));
}

#[tokio::test]
async fn grpc_web_has_its_status_in_the_last_frame_of_the_body() {
    // An empty message, then the trailers.
    let frames = |status: &str| {
        let trailers = format!("grpc-status: {status}\r\n");
        [&[0, 0, 0, 0, 0, 0x80, 0, 0, 0, trailers.len() as u8], trailers.as_bytes()].concat()
    };
    let web = |kind: &str, bytes: Vec<u8>| {
        let body = Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync();
        Response::builder().header("content-type", kind).body(body).unwrap()
    };
    for (status, expected) in [("0", [1, 0, 0]), ("14", [0, 1, 0]), ("5 ", [0, 0, 1])] {
        let bytes = frames(status);
        let text = STANDARD.encode(&bytes).into_bytes();
        for answer in [web("application/grpc-web+proto", bytes), web("application/grpc-web-text", text)] {
            let counts = counted(answer).await;
            assert_eq!([counts.succeeded(), counts.failed(), counts.ignored()], expected, "{status}");
        }
    }
    let without = web("application/grpc-web", b"\0\0\0\0\0".to_vec());
    assert_eq!(counted(without).await.failed(), 1);
}

#[tokio::test]
async fn grpc_web_of_known_length_is_over_with_its_last_byte() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let file = File(vec![Bytes::from_static(b"\x80\0\0\0\x10grpc-status: 0\r\n")]);
    let file = file.map_err(|never| match never {}).boxed_unsync();
    let answer = Response::builder().header("content-type", "application/grpc-web").body(file).unwrap();
    let mut body = exchange(&mut service, &mut server, request(), answer).await.into_body();
    assert!(body.frame().await.is_some());
    // A server that has sent what it announced does not ask again.
    drop(body);
    assert_eq!(world.counts("unmatched").succeeded(), 1);
}

#[tokio::test]
async fn a_compressed_body_of_grpc_web_says_nothing_of_health() {
    let answer = Response::builder().header("content-type", "application/grpc-web+proto");
    let answer = answer.header("content-encoding", "gzip").body(body("\u{1f}\u{8b}")).unwrap();
    assert_eq!(counted(answer).await.ignored(), 1);
}

#[tokio::test]
async fn a_body_that_is_looked_into_reaches_the_client_as_it_is() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let bytes = b"\0\0\0\0\x01a\x80\0\0\0\x10grpc-status: 0\r\n";
    let body = Full::new(Bytes::from_static(bytes)).map_err(|never| match never {}).boxed_unsync();
    let answer = Response::builder().header("content-type", "application/grpc-web").body(body).unwrap();
    let answer = exchange(&mut service, &mut server, request(), answer).await;
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), &bytes[..]);
}

#[tokio::test]
async fn health_checks_and_reflection_are_not_guarded_unless_a_rule_says_so() {
    let asks = |path: &str| {
        let mut request = request();
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    const OPEN: [&str; 3] = [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ];
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer());
    let _in_the_way = world.atrion.route("unmatched").admit_owned(atrion_core::Tier::Critical).unwrap();
    for path in OPEN {
        let answer = exchange(&mut service, &mut server, asks(path), response(ends_with("0"))).await;
        assert!(!answer.headers().contains_key("x-atrion-shed"), "{path}");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), 5);
    }
    assert_eq!(world.counts("unmatched").all_admitted(), 1, "they are not counted");
    for path in ["/grpc.health.v1.HealthX/Check", "/grpc.other/Check", "/x/grpc.health.v1.Health/Check"] {
        let answer = refused(&mut service, &mut server, asks(path)).await;
        assert_eq!(answer.headers()["x-atrion-shed"], "at_cap", "{path}");
    }
    let plain = Request::post(OPEN[0]).body(Full::default()).unwrap();
    let answer = refused(&mut service, &mut server, plain).await;
    assert_eq!(answer.status(), 503, "a path alone opens nothing");

    let (mut service, mut server) = spawn(world.layer().unguarded(|head| head.uri.path() == "/healthz"));
    let answer = refused(&mut service, &mut server, asks(OPEN[0])).await;
    assert_eq!(answer.headers()["grpc-status"], "14");
    let _ = exchange(&mut service, &mut server, asks("/healthz"), response(ends_with("0"))).await;
}

#[tokio::test]
async fn a_stream_can_be_let_go_at_its_head() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) = spawn(world.layer().hold(Hold::Head));
    let answer = exchange(&mut service, &mut server, request(), response(ends_with("14"))).await;
    assert_eq!(world.in_flight("unmatched"), 0);
    drop(answer);
    assert_eq!(world.counts("unmatched").succeeded(), 1);
}
