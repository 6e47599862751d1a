// SPDX-License-Identifier: Apache-2.0
//! The life of one connection of a client: PROXY header, TLS, HTTP/1 or HTTP/2, idleness, drain.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::client::{Client, Phase, reached};
use crate::config::Limits;
use crate::counters::Counters;
use crate::idle::{Attended, Life};
use crate::places::Place;
use crate::proxy_protocol::{self, Parsed};
use crate::service::{Door, Shared};
use crate::tls;
use crate::wire::{Io, Wire};

/// What a listener expects of its connections.
#[derive(Clone)]
pub(crate) struct Expected {
    pub(crate) proxy_protocol: bool,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// A connection that was accepted.
pub(crate) struct Accepted {
    pub(crate) io: Box<dyn Io>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) place: Place,
    pub(crate) phase: watch::Receiver<Phase>,
}

pub(crate) async fn serve(accepted: Accepted, expected: Expected, shared: Arc<Shared>) {
    let Accepted { io, peer, place, mut phase } = accepted;
    let limits = shared.limits();
    let begun = tokio::select! {
        begun = timeout(limits.request_head, begin(io, peer, &expected, &limits)) => begun,
        () = reached(&mut phase, Phase::Draining) => return,
    };
    let begun = match begun {
        Ok(Ok(Some(begun))) => begun,
        // It has said nothing at all: a probe of a balancer, or a browser's reserve.
        Ok(Ok(None)) => return,
        Ok(Err(_)) => return shared.counters.refuse_connection(Counters::HANDSHAKE),
        Err(_) => return shared.counters.refuse_connection(Counters::SLOW),
    };
    let is_tls = expected.tls.is_some();
    let life = Arc::new(Life::new(begun.is_http2, &limits));
    let client = Client::new(begun.client, is_tls, begun.names, Arc::clone(&life), phase.clone(), place);
    let door = Door::new(shared, client);
    let wire = TokioIo::new(Attended::new(begun.wire, Arc::clone(&life)));
    if begun.is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(limits.head_bytes)
            .initial_stream_window_size(crate::upstream::STREAM_WINDOW)
            .initial_connection_window_size(crate::upstream::CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            // A client that is gone without a word.
            .keep_alive_interval(Duration::from_secs(30));
        drive(builder.serve_connection(wire, door), &life, phase).await;
    } else {
        let mut builder = http1::Builder::new();
        builder
            .preserve_header_case(true)
            .max_headers(limits.head_fields)
            .max_buf_size(limits.head_bytes as usize)
            .header_read_timeout(None);
        drive(builder.serve_connection(wire, door).with_upgrades(), &life, phase).await;
    }
}

/// What is made of an answer before an HTTP/2 client has room for it.
const SEND_BUFFER: usize = 64 * 1024;

struct Begun {
    wire: Wire,
    client: Option<SocketAddr>,
    names: Vec<String>,
    is_http2: bool,
}

/// Reads what comes before HTTP.
async fn begin(
    mut io: Box<dyn Io>,
    peer: Option<SocketAddr>,
    expected: &Expected,
    limits: &Limits,
) -> io::Result<Option<Begun>> {
    let (mut client, mut read) = (peer, BytesMut::new());
    if expected.proxy_protocol {
        let Some(told) = proxy_header(&mut io, &mut read).await? else { return Ok(None) };
        client = told.or(peer);
    }
    let mut wire = Wire::new(io, read.freeze(), limits.write);
    let (mut agreed, mut names) = (None, Vec::new());
    if let Some(tls) = &expected.tls {
        let stream = TlsAcceptor::from(Arc::clone(tls)).accept(wire).await?;
        let session = stream.get_ref().1;
        agreed = session.alpn_protocol().map(|protocol| protocol == b"h2");
        names = session.peer_certificates().and_then(<[_]>::first).map(tls::names).unwrap_or_default();
        wire = Wire::new(Box::new(stream), Bytes::new(), limits.write);
    }
    let is_http2 = match agreed {
        Some(is_http2) => is_http2,
        None => {
            let mut read = BytesMut::new();
            let Some(is_http2) = begins_as_http2(&mut wire, &mut read).await? else { return Ok(None) };
            wire = Wire::new(Box::new(wire), read.freeze(), limits.write);
            is_http2
        }
    };
    Ok(Some(Begun { wire, client, names, is_http2 }))
}

/// Reads the PROXY header, and leaves in `read` what follows it. `None`: the peer has said nothing.
async fn proxy_header(io: &mut Box<dyn Io>, read: &mut BytesMut) -> io::Result<Option<Option<SocketAddr>>> {
    loop {
        match proxy_protocol::parse(read) {
            Ok(Parsed::Header { length, client }) => {
                drop(read.split_to(length));
                return Ok(Some(client));
            }
            Ok(Parsed::Incomplete) if read.len() <= proxy_protocol::LONGEST => {}
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        if io.read_buf(read).await? == 0 {
            return if read.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

/// Whether the first bytes are those of HTTP/2 (RFC 9113, 3.4).
async fn begins_as_http2(wire: &mut Wire, read: &mut BytesMut) -> io::Result<Option<bool>> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    loop {
        let length = read.len().min(PREFACE.len());
        if length > 0 && read[..length] != PREFACE[..length] {
            return Ok(Some(false));
        }
        if length == PREFACE.len() {
            return Ok(Some(true));
        }
        if wire.read_buf(read).await? == 0 {
            return Ok(if read.is_empty() { None } else { Some(false) });
        }
    }
}

/// A connection that can be asked to finish.
trait Graceful: Future {
    fn finish(self: Pin<&mut Self>);
}

impl Graceful for http1::UpgradeableConnection<TokioIo<Attended>, Door> {
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl Graceful for http2::Connection<TokioIo<Attended>, Door, TokioExecutor> {
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Drives a connection to its end.
async fn drive<C: Graceful>(connection: C, life: &Life, mut phase: watch::Receiver<Phase>) {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = reached(&mut phase, Phase::Draining) => {}
        () = life.over() => {}
    }
    connection.as_mut().finish();
    tokio::select! {
        _ = connection.as_mut() => {}
        () = reached(&mut phase, Phase::CutOff) => {}
    }
}
