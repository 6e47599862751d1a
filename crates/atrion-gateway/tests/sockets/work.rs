// SPDX-License-Identifier: Apache-2.0
//! What a request is to its gate: its cost, how long it counts, and by when it has to be answered.

use std::net::SocketAddr;

use atrion_gateway::Gateway;
use http::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{
    OK, address, eventually, gateway, get, h2_client, patient, read_request, read_until, say, saying,
    service, within,
};

/// What is in flight, and how many streams are open.
fn held(gateway: &Gateway, route: &str) -> (u64, u64) {
    let snapshot = gateway.atrion().route(route).snapshot();
    (snapshot.in_flight, snapshot.streams)
}

/// Sends a request that is not answered before it is told to.
async fn hang(to: SocketAddr, path: &str, headers: &str) -> TcpStream {
    let mut client = TcpStream::connect(to).await.unwrap();
    say(&mut client, &format!("GET {path} HTTP/1.1\r\nhost: shop\r\n{headers}\r\n")).await;
    client
}

#[tokio::test]
async fn what_a_request_costs_is_said_by_its_route_or_by_a_header_up_to_its_bound() {
    for (trust, cost, asked, counted) in [
        // The route's own cost goes before what a header says.
        ("costs = 8", "cost = 5", 3, 5),
        ("costs = 8", "", 3, 3),
        ("costs = 8", "", 100, 8),
        ("ceiling = \"high\"", "", 100, 1),
    ] {
        let (upstream, _go) = patient().await;
        let route = format!("[[route]]\nmatch = \"GET /a\"\ncap = 8\n{cost}\n");
        let gateway = gateway(upstream, &format!("[admission]\ntrust = {{ {trust} }}\n{route}")).await;
        let (to, asks) = (address(&gateway).await, format!("x-atrion-cost: {asked}\r\n"));
        let mut clients = Vec::new();
        // Below the cap a request passes, whatever it costs.
        for n in 1..=8_u64.div_ceil(counted) {
            clients.push(hang(to, "/a", &asks).await);
            eventually(async || held(&gateway, "GET /a") == (n * counted, 0)).await;
        }
        assert!(get(to, "/a", &asks).await.contains("x-atrion-shed: at_cap"), "{trust} {cost}");
    }
}

/// Answers with a head, then with a piece, then with the end, each when it is told the next step.
async fn in_steps(kind: &'static str) -> (SocketAddr, watch::Sender<u32>) {
    let (step, steps) = watch::channel(0);
    let upstream = service(move |mut stream| {
        let mut steps = steps.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
            for (number, piece) in [(1, &*head), (2, "3\r\none\r\n"), (3, "3\r\ntwo\r\n0\r\n\r\n")] {
                let _ = steps.wait_for(|step| *step >= number).await;
                say(&mut stream, piece).await;
            }
        }
    })
    .await;
    (upstream, step)
}

/// What is held after each step of an answer.
#[tokio::test]
async fn a_request_is_held_as_long_as_its_route_says() {
    const NONE: (u64, u64) = (0, 0);
    for (hold, kind, by_head, by_piece) in [
        ("", "text/plain", NONE, NONE),
        ("hold = \"verdict\"", "text/plain", NONE, NONE),
        ("hold = \"head\"", "text/event-stream", NONE, NONE),
        ("hold = \"body\"", "text/plain", (1, 0), (1, 0)),
        ("hold = \"stream\"", "text/plain", (1, 0), (0, 1)),
        ("hold = \"stream\"", "text/event-stream", (1, 0), (0, 1)),
        // Its length says nothing of the service.
        ("", "text/event-stream", NONE, NONE),
    ] {
        let (upstream, step) = in_steps(kind).await;
        let gateway = gateway(upstream, &format!("[[route]]\nmatch = \"GET /a\"\n{hold}\n")).await;
        let mut client = hang(address(&gateway).await, "/a", "").await;
        let is_held = async |wanted| eventually(async || held(&gateway, "GET /a") == wanted).await;
        is_held((1, 0)).await;
        for (number, piece, wanted) in [(1, "chunked", by_head), (2, "one", by_piece), (3, "two", NONE)] {
            step.send_replace(number);
            read_until(&mut client, piece).await;
            is_held(wanted).await;
        }
        let counts = || gateway.atrion().route("GET /a").snapshot().counts;
        eventually(async || (counts().succeeded(), counts().failed()) == (1, 0)).await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_failure_beside_its_first_byte() {
    let upstream = service(|mut stream| async move {
        read_request(&mut stream).await.unwrap();
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
    })
    .await;
    let gateway = gateway(upstream, "[[route]]\nmatch = \"GET /a\"\nhold = \"stream\"\n").await;
    get(address(&gateway).await, "/a", "").await;
    let counts = || gateway.atrion().route("GET /a").snapshot().counts;
    eventually(async || (counts().succeeded(), counts().failed()) == (1, 1)).await;
}

#[tokio::test]
async fn an_upgraded_connection_is_a_stream_where_its_route_says_so() {
    for (hold, wanted) in [("", (0, 0)), ("hold = \"stream\"\n", (0, 1))] {
        let upstream = service(|mut stream| async move {
            read_request(&mut stream).await.unwrap();
            say(
                &mut stream,
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello",
            )
            .await;
            let (mut read, mut write) = stream.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
        })
        .await;
        let gateway = gateway(upstream, &format!("[[route]]\nmatch = \"GET /chat\"\n{hold}")).await;
        let upgrade = "connection: upgrade\r\nupgrade: x\r\n";
        let mut client = hang(address(&gateway).await, "/chat", upgrade).await;
        read_until(&mut client, "hello").await;
        eventually(async || held(&gateway, "GET /chat") == wanted).await;
        say(&mut client, "ping").await;
        read_until(&mut client, "ping").await;
        assert_eq!(held(&gateway, "GET /chat"), wanted);
        client.shutdown().await.unwrap();
        eventually(async || held(&gateway, "GET /chat") == (0, 0)).await;
    }
}

#[tokio::test]
async fn a_request_that_comes_too_late_is_refused_where_deadlines_are_trusted() {
    for (trust, is_trusted) in [("deadlines = true", true), ("ceiling = \"high\"", false)] {
        let (upstream, heard) = saying(OK).await;
        let gateway = gateway(upstream, &format!("[admission]\ntrust = {{ {trust} }}\n")).await;
        let to = address(&gateway).await;
        for (waits, is_late) in [("0", is_trusted), ("60000", false)] {
            let answer = get(to, "/a", &format!("x-atrion-deadline-ms: {waits}\r\n")).await;
            let is_refused =
                answer.contains("x-atrion-shed: too_late\r\n") && answer.contains("\"reason\":\"too_late\"");
            assert_eq!((is_refused, answer.starts_with("HTTP/1.1 200")), (is_late, !is_late), "{answer}");
        }
        for (waits, is_late) in [("0m", is_trusted), ("1M", false)] {
            let mut client = h2_client(to).await;
            let call = Request::post("http://shop/pkg.Service/Method").header("grpc-timeout", waits);
            let call = call.header("content-type", "application/grpc").body(()).unwrap();
            let answer = within(client.send_request(call, true).unwrap().0).await.unwrap();
            let refused = answer.headers().get("x-atrion-shed").map(|reason| reason == "too_late");
            let status = answer.headers().get("grpc-status").map(|status| status == "14");
            assert_eq!((refused, status), (is_late.then_some(true), is_late.then_some(true)), "{answer:?}");
        }
        // What is refused is not passed on.
        assert_eq!(heard.all().len(), if is_trusted { 2 } else { 4 });
    }
}
