// SPDX-License-Identifier: Apache-2.0
//! The connections to one service. HTTP/1: those that are idle are kept, the latest is used first.
//! HTTP/2: one carries everything.
//!
//! A connection of its own for each host that clients name, as a general client keeps them, would
//! let clients choose how many there are; here they all lead to one address.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atrion_state::lock;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::{Instant, timeout};

use super::connect::Connector;
use super::error::{ForwardError, Stage};
use super::sending::{Progress, SendBody};
use crate::config::Protocol;

type One = http1::SendRequest<SendBody>;
type Many = http2::SendRequest<SendBody>;

pub(crate) struct Pool {
    connector: Connector,
    protocol: Protocol,
    /// The locks are held for a push or a pop, and for the first request of a connection.
    idle: Mutex<VecDeque<(One, Instant)>>,
    most_idle: usize,
    shared: tokio::sync::Mutex<Option<Many>>,
}

/// A connection in use. Dropped, it is closed.
pub(crate) struct Lease {
    connection: One,
    pool: Arc<Pool>,
}

/// Services close what is idle for longer; most wait at least so long.
const IDLE: Duration = Duration::from_secs(30);

/// How long a connection may take to become free once both bodies are over.
const TURN: Duration = Duration::from_secs(1);

impl Pool {
    pub(crate) fn new(connector: Connector, protocol: Protocol, most_idle: usize) -> Self {
        Self { connector, protocol, idle: Mutex::default(), most_idle, shared: tokio::sync::Mutex::default() }
    }

    /// Sends a request, and gives the head of its answer, and the connection if it is for one
    /// request at a time.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: Request<SendBody>,
        progress: &Progress,
        limit: Duration,
    ) -> Result<(Response<Incoming>, Option<Lease>), ForwardError> {
        match self.protocol {
            Protocol::Http1 => {
                let (response, connection) = self.over_one(request, progress, limit).await?;
                Ok((response, Some(Lease { connection, pool: Arc::clone(self) })))
            }
            Protocol::Http2 => Ok((self.over_many(request, progress, limit).await?, None)),
        }
    }

    async fn over_one(
        &self,
        mut request: Request<SendBody>,
        progress: &Progress,
        limit: Duration,
    ) -> Result<(Response<Incoming>, One), ForwardError> {
        // A service may close an idle connection at the moment in which a request goes out over it.
        // What it has not got goes out again. What it may have got does where twice is as good as
        // once, but no more often (RFC 9110, 9.2.2): it may be what the service dies of.
        while let Some(mut connection) = self.take().await {
            let again = is_repeatable(&request).then(|| copy(&request));
            let mut failed = match progress.bounded(limit, connection.try_send_request(request)).await? {
                Ok(response) => return Ok((response, connection)),
                Err(failed) => failed,
            };
            if let Some(unsent) = failed.take_message() {
                request = unsent;
                continue;
            }
            let error = failed.into_error();
            match again.filter(|_| is_closing(&error)) {
                Some(copy) => request = copy,
                None => return Err(ForwardError::of_exchange(error)),
            }
            break;
        }
        let mut connection = self.open_one().await?;
        let answer = progress.bounded(limit, connection.send_request(request)).await?;
        answer.map(|response| (response, connection)).map_err(ForwardError::of_exchange)
    }

    async fn over_many(
        &self,
        mut request: Request<SendBody>,
        progress: &Progress,
        limit: Duration,
    ) -> Result<Response<Incoming>, ForwardError> {
        let mut connection = self.share().await?;
        let failed = match progress.bounded(limit, connection.try_send_request(request)).await? {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        let mut failed = failed;
        match failed.take_message() {
            // The connection was at its end already.
            Some(unsent) => request = unsent,
            None => return Err(ForwardError::of_exchange(failed.into_error())),
        }
        let mut connection = self.share().await?;
        let answer = progress.bounded(limit, connection.send_request(request)).await?;
        answer.map_err(ForwardError::of_exchange)
    }

    /// The idle connection that was used last.
    async fn take(&self) -> Option<One> {
        loop {
            let (mut connection, since) = self.idle().pop_back()?;
            if since.elapsed() < IDLE && matches!(timeout(TURN, connection.ready()).await, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }

    async fn open_one(&self) -> Result<One, ForwardError> {
        let wire = TokioIo::new(self.connector.connect().await?);
        let (connection, driver) = http1::Builder::new()
            .preserve_header_case(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(wire)
            .await
            .map_err(|error| ForwardError::failed(Stage::Connect, error))?;
        // Its error is that of the request, or of none.
        tokio::spawn(async move { drop(driver.with_upgrades().await) });
        Ok(connection)
    }

    async fn share(&self) -> Result<Many, ForwardError> {
        let made = async {
            let mut shared = self.shared.lock().await;
            if let Some(connection) = shared.as_ref().filter(|connection| !connection.is_closed()) {
                return Ok(connection.clone());
            }
            let wire = TokioIo::new(self.connector.connect().await?);
            let (connection, driver) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .handshake(wire)
                .await
                .map_err(|error| ForwardError::failed(Stage::Connect, error))?;
            tokio::spawn(async move { drop(driver.await) });
            Ok(shared.insert(connection).clone())
        };
        // Those that wait for another one's attempt do not begin anew when it fails.
        let late = |_| ForwardError::timed_out(Stage::Connect);
        timeout(self.connector.limit, made).await.map_err(late)?
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<(One, Instant)>> {
        lock(&self.idle)
    }
}

/// A connection without an answer to this is dead.
const PING: Duration = Duration::from_secs(20);

/// What the service may send of one answer, and of all, before a client has taken it.
pub(crate) const STREAM_WINDOW: u32 = 256 * 1024;
pub(crate) const CONNECTION_WINDOW: u32 = 1024 * 1024;

impl Lease {
    /// Keeps the connection for the next request.
    pub(crate) fn give_back(self) {
        let Self { connection, pool } = self;
        let mut idle = pool.idle();
        while idle.front().is_some_and(|(_, since)| since.elapsed() >= IDLE) {
            idle.pop_front();
        }
        if idle.len() < pool.most_idle && !connection.is_closed() {
            idle.push_back((connection, Instant::now()));
        }
    }
}

/// Whether doing it twice is as good as once (RFC 9110, 9.2.2), and there is no body that is gone.
fn is_repeatable(request: &Request<SendBody>) -> bool {
    request.method().is_idempotent() && request.body().is_end_stream()
}

fn copy(request: &Request<SendBody>) -> Request<SendBody> {
    let mut copy = Request::new(SendBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

/// Whether the connection has ended without a byte of an answer.
fn is_closing(error: &hyper::Error) -> bool {
    error.is_closed() || error.is_canceled() || error.is_incomplete_message() || is_io(error)
}

fn is_io(error: &hyper::Error) -> bool {
    use std::error::Error as _;
    error.source().is_some_and(|cause| cause.is::<std::io::Error>())
}
