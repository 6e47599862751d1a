// SPDX-License-Identifier: Apache-2.0
//! Status, headers and bodies of the service come through as they are, and requests get there as
//! they were.

use crate::support::{address, exchange, gateway, get, saying};

/// The head and the body of an answer. The date is the gateway's where the service gives none.
fn split(answer: &str) -> (Vec<String>, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let lines = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
    (lines.map(str::to_owned).collect(), body.to_owned())
}

#[tokio::test]
async fn odd_answers_come_through_to_the_byte() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Mixed-CASE: A  b\r\n\r\nok",
        "HTTP/1.1 200 Fine By Me\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 299 \r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 599 Odd\r\ncontent-length: 3\r\n\r\n\u{e4}x",
        "HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nset-cookie: a=1\r\nset-cookie: b=2; Path=/\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx-empty: \r\nx-bytes: \u{e9}\u{fc}\r\n\r\nx",
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"a, b\"\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 5\r\n\r\nlater",
        "HTTP/1.1 200 OK\r\nserver: own/1.0\r\nvia: 1.1 cdn\r\nage: 5\r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/%7euser?a=b#c\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (upstream, _) = saying(answer).await;
        let gateway = gateway(upstream, "").await;
        let (mut head, body) = split(&get(address(&gateway).await, "/", "").await);
        // What the client has asked for.
        head.retain(|line| line != "connection: close");
        let wanted = split(answer);
        assert_eq!((head, body), wanted);
    }
}

#[tokio::test]
async fn a_request_that_may_go_no_further_ends_here() {
    let (upstream, heard) = saying(crate::support::OK).await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    let ask = |method: &str, left: &str| {
        let close = "host: shop\r\nconnection: close\r\n";
        exchange(to, format!("{method} /a HTTP/1.1\r\n{close}max-forwards: {left}\r\n\r\n"))
    };
    for method in ["OPTIONS", "TRACE"] {
        assert!(ask(method, "0").await.starts_with("HTTP/1.1 501"));
        assert!(ask(method, "x").await.starts_with("HTTP/1.1 400"));
    }
    assert_eq!(heard.all().len(), 0);
    for (method, left, reaches) in [("OPTIONS", "5", "4"), ("GET", "0", "0"), ("TRACE", "1", "0")] {
        assert!(ask(method, left).await.starts_with("HTTP/1.1 200"));
        let request = heard.all().pop().unwrap();
        assert!(request.contains(&format!("max-forwards: {reaches}\r\n")), "{request}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_comes_whole() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n";
    for answer in [chunked, "HTTP/1.1 200 OK\r\n\r\nabcd", "HTTP/1.0 200 OK\r\n\r\nabcd"] {
        let (upstream, _) = saying(answer).await;
        let gateway = gateway(upstream, "").await;
        let whole = get(address(&gateway).await, "/", "").await;
        let (head, body) = split(&whole);
        assert!(head.contains(&"transfer-encoding: chunked".to_owned()), "{whole}");
        let body: String = body.split("\r\n").skip(1).step_by(2).collect();
        assert_eq!(body, "abcd");
    }
}

#[tokio::test]
async fn a_folded_header_is_unfolded_and_a_space_before_the_colon_goes() {
    let answer = "HTTP/1.1 200 OK\r\nx-a : 1\r\nx-b: one\r\n two\r\ncontent-length: 0\r\n\r\n";
    let (upstream, _) = saying(answer).await;
    let gateway = gateway(upstream, "").await;
    let (head, _) = split(&get(address(&gateway).await, "/", "").await);
    assert!(head.contains(&"x-a: 1".to_owned()), "{head:?}");
    let folded = head.iter().find(|line| line.starts_with("x-b:")).unwrap();
    assert!(folded.starts_with("x-b: one") && folded.ends_with("two"), "{head:?}");
}

#[tokio::test]
async fn the_answer_to_head_has_a_length_and_no_body() {
    let (upstream, heard) = saying("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\nx-a: 1\r\n\r\n").await;
    let gateway = gateway(upstream, "").await;
    let head = "HEAD /file HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
    let (head, body) = split(&exchange(address(&gateway).await, head).await);
    assert!(head.contains(&"content-length: 1234".to_owned()) && body.is_empty(), "{head:?}");
    assert!(heard.all()[0].starts_with("HEAD /file HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_request_gets_there_as_it_was_without_its_hop() {
    let (upstream, heard) = saying(crate::support::OK).await;
    let gateway = gateway(upstream, "").await;
    let target = "/a//b/../%7e;x=1?q=%20&r#";
    let target = target.trim_end_matches('#');
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: Shop:8080\r\nX-Mixed: A  b\r\nConnection: close, X-Gone\r\n\
         X-Gone: 1\r\nKeep-Alive: 5\r\nX-Forwarded-For: 6.6.6.6\r\nx-atrion-tier: critical\r\n\
         Content-Length: 4\r\n\r\nbody"
    );
    exchange(address(&gateway).await, request).await;
    let heard = heard.all().remove(0);
    assert!(heard.starts_with(&format!("POST {target} HTTP/1.1\r\n")), "{heard}");
    for line in [
        "Host: Shop:8080",
        "X-Mixed: A  b",
        "Content-Length: 4",
        "x-forwarded-proto: http",
        "via: 1.1 atrion",
    ] {
        assert!(
            heard.to_ascii_lowercase().contains(&format!("\r\n{}\r\n", line.to_ascii_lowercase())),
            "{line}: {heard}"
        );
    }
    assert!(heard.to_ascii_lowercase().contains("x-forwarded-for: 127.0.0.1\r\n"), "{heard}");
    for gone in ["X-Gone", "Keep-Alive", "6.6.6.6", "x-atrion-tier", "Connection"] {
        assert!(!heard.to_ascii_lowercase().contains(&gone.to_ascii_lowercase()), "{gone}: {heard}");
    }
    assert!(heard.ends_with("\r\n\r\nbody"));
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_reaches_no_service() {
    let (upstream, heard) = saying(crate::support::OK).await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", "400"),
        ("GET http://u@a/ HTTP/1.1\r\nhost: a\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nx\0y: a\r\n\r\n", "400"),
        ("CONNECT other:443 HTTP/1.1\r\nhost: other:443\r\n\r\n", "501"),
    ] {
        let smuggled = format!("{request}GET /smuggled HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer =
            exchange(to, if status == "501" { request.to_owned() + "GARBAGE\r\n\r\n" } else { smuggled })
                .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) || answer.starts_with("HTTP/1.0 400"),
            "{request:?}: {answer}"
        );
        assert_eq!(heard.all().len(), 0, "{request:?}: {:?}", heard.all());
    }
}

#[tokio::test]
async fn chunks_go_before_a_length_and_the_length_goes_no_further() {
    let (upstream, heard) = saying(crate::support::OK).await;
    let gateway = gateway(upstream, "").await;
    for order in
        ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 3"]
    {
        let request = format!("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{order}\r\n\r\n0\r\n\r\n");
        exchange(address(&gateway).await, request).await;
    }
    // The service of this test takes the last chunk for another request.
    let heads: Vec<_> = heard.all().iter().map(|head| head.to_ascii_lowercase()).collect();
    let heads: Vec<_> = heads.iter().filter(|head| head.starts_with("post / ")).collect();
    assert!(heads.iter().all(|head| head.contains("transfer-encoding: chunked")), "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains("content-length")), "{heads:?}");
    assert_eq!(heads.len(), 2);
}

#[tokio::test]
async fn an_absolute_target_goes_before_the_host() {
    let (upstream, heard) = saying(crate::support::OK).await;
    let gateway = gateway(upstream, "").await;
    let request = "GET http://right:81/x HTTP/1.1\r\nhost: wrong\r\nconnection: close\r\n\r\n";
    exchange(address(&gateway).await, request).await;
    let heard = heard.all().remove(0).to_ascii_lowercase();
    assert!(heard.starts_with("get /x http/1.1\r\n") && heard.contains("host: right:81\r\n"), "{heard}");
}
