// SPDX-License-Identifier: Apache-2.0
//! Services that follow a script, clients that say bytes, and a gateway between them.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_gateway::config::Address;
use atrion_gateway::{Config, Gateway};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it takes too long")
}

/// A service: each connection is handed to `serve`.
pub(crate) async fn service<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Keeps the heads of the requests that a service has got.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A service that answers each request with the same bytes, and what it has heard. Requests are
/// read to the end of their bodies by content-length.
pub(crate) async fn saying(answer: impl Into<Vec<u8>>) -> (SocketAddr, Heard) {
    let (answer, heard) = (Arc::new(answer.into()), Heard::default());
    let told = heard.clone();
    let address = service(move |mut stream| {
        let (answer, told) = (Arc::clone(&answer), told.clone());
        async move {
            while let Some(request) = read_request(&mut stream).await {
                told.0.lock().unwrap().push(request);
                if stream.write_all(&answer).await.is_err() || is_closing(&answer) {
                    return;
                }
            }
        }
    })
    .await;
    (address, heard)
}

/// A service that answers when it is told to.
pub(crate) async fn patient() -> (SocketAddr, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let upstream = service(move |mut stream| {
        let mut wait = wait.clone();
        async move {
            while read_request(&mut stream).await.is_some() {
                let _ = wait.wait_for(|go| *go).await;
                say(&mut stream, OK).await;
            }
        }
    })
    .await;
    (upstream, go)
}

/// Clients that ask again and again, each over one connection, and have to be answered each time.
pub(crate) struct Askers {
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<u64>>,
}

impl Askers {
    pub(crate) fn start(to: SocketAddr, count: usize) -> Self {
        let (answered, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let clients = (0..count).map(|_| {
            let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut client = TcpStream::connect(to).await.unwrap();
                let mut count = 0;
                while !is_over.load(Relaxed) {
                    say(&mut client, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
                    let answer = read_until(&mut client, "ok").await;
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    answered.fetch_add(1, Relaxed);
                    count += 1;
                }
                count
            })
        });
        let clients = clients.collect();
        Self { answered, is_over, clients }
    }

    /// Waits for so many more answers, of all together.
    pub(crate) async fn more(&self, answers: u64) {
        let until = self.answered.load(Relaxed) + answers;
        eventually(async || self.answered.load(Relaxed) >= until).await;
    }

    /// Ends them. Each has been answered.
    pub(crate) async fn end(self) {
        self.is_over.store(true, Relaxed);
        for client in self.clients {
            assert!(within(client).await.unwrap() > 0);
        }
    }
}

fn is_closing(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    text.contains("connection: close") || !text.contains("content-length") && !text.contains("chunked")
}

/// Reads a head, and a body of known length.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&text).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    text.extend(body);
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// A gateway before `upstream`, with more lines of configuration.
pub(crate) async fn gateway(upstream: SocketAddr, more: &str) -> Gateway {
    gateway_of(&least(upstream, more)).await
}

pub(crate) fn least(upstream: SocketAddr, more: &str) -> String {
    format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [[upstream]]\naddress = \"{upstream}\"\n{more}"
    )
}

pub(crate) async fn gateway_of(text: &str) -> Gateway {
    let config = Config::parse(text, Path::new("")).unwrap();
    Gateway::start_with(config, std::io::sink()).await.unwrap()
}

pub(crate) async fn address(gateway: &Gateway) -> SocketAddr {
    match gateway.addresses().await.pop().unwrap().1 {
        Address::Tcp(address) => address.parse().unwrap(),
        other => panic!("{other}"),
    }
}

pub(crate) fn admin(gateway: &Gateway) -> SocketAddr {
    gateway.admin_address().to_string().parse().unwrap()
}

/// A client that speaks HTTP/2 from its first byte.
pub(crate) async fn h2_client(to: SocketAddr) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// Sends bytes, and reads until the other side closes.
pub(crate) async fn exchange(to: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    within(async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(bytes.as_ref()).await.unwrap();
        read_all(&mut stream).await
    })
    .await
}

pub(crate) async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    // A reset after the last byte is an end, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a request with `connection: close`, and gives the whole answer.
pub(crate) async fn get(to: SocketAddr, path: &str, headers: &str) -> String {
    exchange(to, format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n{headers}\r\n")).await
}

/// Reads until the text has come.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), wanted: &str) -> String {
    within(async {
        let mut text = String::new();
        while !text.contains(wanted) {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "ended after {text:?}");
            text.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        text
    })
    .await
}

pub(crate) async fn say(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Waits until `is_so` says yes.
pub(crate) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    within(async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// The lines of an access log.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) async fn take(&self, count: usize) -> Vec<String> {
        eventually(async || self.text().lines().count() >= count).await;
        self.text().lines().map(str::to_owned).collect()
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
