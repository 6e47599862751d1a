// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! HTTP as bytes: a test can send what no client library would.

use std::net::SocketAddr;
use std::time::Duration;

use atrion_engine::Atrion;
use atrion_license::{Tier, development};
use atrion_state::InMemoryProvider;
use atrion_studio::{Builder, Running, Studio};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Generous, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An instance, and a Studio over it on a free port with a license.
pub(crate) async fn world(with: impl FnOnce(Builder) -> Builder) -> (Atrion, Running) {
    over(InMemoryProvider::new(), with).await
}

/// The same over a store that an earlier life may have used.
pub(crate) async fn over(
    store: InMemoryProvider,
    with: impl FnOnce(Builder) -> Builder,
) -> (Atrion, Running) {
    let atrion = Atrion::builder().provider(store).connect().await.unwrap();
    let builder = Studio::of(&atrion).license(development::key(Tier::Starter).unwrap());
    let studio = with(builder.address(([127, 0, 0, 1], 0).into())).start().await.unwrap();
    (atrion, studio)
}

pub(crate) fn token(studio: &Running) -> String {
    studio.url().split_once("#token=").unwrap().1.to_owned()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line =
            self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':').unwrap().1.trim())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// One request, and its whole answer. A line "Host" is added if there is none.
pub(crate) async fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str(&format!("Host: {to}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    let exchange = async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        // A server that refuses does not wait for the rest of the request; its answer counts.
        let _ = stream.read_to_end(&mut all).await;
        String::from_utf8_lossy(&all).into_owned()
    };
    let all = tokio::time::timeout(PATIENCE, exchange).await.unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: dechunked(head, body) }
}

fn dechunked(head: &str, body: &str) -> String {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        whole.push_str(tail.get(..size).unwrap_or(""));
        rest = tail.get(size + 2..).unwrap_or("");
    }
    whole
}

pub(crate) async fn get(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(to, "GET", path, headers, "").await
}

/// A change as the page sends it, with additional headers, or others in place of its own.
pub(crate) async fn post(to: SocketAddr, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
    let origin = format!("http://{to}");
    let mut headers = vec![
        ("Origin", origin.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
        ("Content-Type", "application/json"),
    ];
    headers.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    headers.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    send(to, "POST", path, &headers, &body.to_string()).await
}

/// Signs in; gives the cookie as a browser sends it back.
pub(crate) async fn sign_in(studio: &Running) -> String {
    sign_in_with(studio.address(), &token(studio)).await
}

/// The same for a Studio in another process.
pub(crate) async fn sign_in_with(to: SocketAddr, token: &str) -> String {
    let answer = post(to, "/session", &[], &serde_json::json!({ "token": token })).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// The stream of events, one at a time.
pub(crate) struct Events(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Events {
    pub(crate) async fn open(to: SocketAddr, cookie: &str, last: Option<&str>) -> Self {
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
        let mut stream = TcpStream::connect(to).await.unwrap();
        let head = format!("GET /studio/v1/stream HTTP/1.1\r\nHost: {to}\r\nCookie: {cookie}\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut events = Self(BufReader::new(stream));
        assert!(events.line().await.unwrap().starts_with("HTTP/1.1 200"));
        while !events.line().await.unwrap().trim().is_empty() {}
        events
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line)).await.unwrap();
        read.ok().filter(|read| *read > 0).map(|_| line)
    }

    /// The next message; the sizes of chunks between its lines are skipped.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let (mut id, mut event) = (String::new(), String::new());
        loop {
            let line = self.line().await?;
            let line = line.trim_end();
            // The chunk that ends the answer; the connection may stay open.
            if line == "0" {
                return None;
            }
            if let Some(value) = line.strip_prefix("id: ") {
                id = value.to_owned();
            } else if let Some(value) = line.strip_prefix("event: ") {
                event = value.to_owned();
            } else if let Some(value) = line.strip_prefix("data: ") {
                return Some(Message { id, event, data: serde_json::from_str(value).unwrap() });
            }
        }
    }

    pub(crate) async fn until(&mut self, event: &str) -> Message {
        loop {
            let message = self.next().await.expect("the stream goes on");
            if message.event == event {
                return message;
            }
        }
    }

    /// Reads the rest, and fails if that does not end.
    pub(crate) async fn end(&mut self) {
        let rest = async { while self.next().await.is_some() {} };
        tokio::time::timeout(PATIENCE, rest).await.expect("the stream ends");
    }
}
