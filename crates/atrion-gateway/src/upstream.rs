// SPDX-License-Identifier: Apache-2.0
//! The service behind, as a [`Service`]: one request out, one response back, both streamed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use atrion::tower::{RequestBody, StreamSlot};
use atrion::{Priority, Tier};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use tower_service::Service;

mod answer;
pub(crate) use answer::{AnswerBody, AnswerError};

mod connect;
pub(crate) use connect::Connector;

mod error;
pub(crate) use error::{ForwardError, Judge, Stage};

mod pool;
use pool::Pool;
pub(crate) use pool::{CONNECTION_WINDOW, STREAM_WINDOW};

mod sending;
use sending::{Progress, SendBody};

mod tunnel;

use crate::client::Client;
use crate::config::{Protocol, Upstream as Settings};
use crate::message;

/// One service. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Upstream(Arc<Inner>);

/// The tier under which the gate has counted a request, where it is not the default. In the
/// extensions of its response.
#[derive(Clone, Copy)]
pub(crate) struct Counted(pub(crate) Tier);

struct Inner {
    settings: Settings,
    pool: Arc<Pool>,
}

impl Upstream {
    pub(crate) fn new(settings: Settings, connector: Connector) -> Self {
        let pool = Pool::new(connector, settings.protocol, settings.idle_connections);
        Self(Arc::new(Inner { pool: Arc::new(pool), settings }))
    }
}

impl Service<Request<RequestBody<Incoming>>> for Upstream {
    type Response = Response<AnswerBody>;
    type Error = ForwardError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Incoming>>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.forward(request).await })
    }
}

impl Inner {
    async fn forward(
        &self,
        mut request: Request<RequestBody<Incoming>>,
    ) -> Result<Response<AnswerBody>, ForwardError> {
        let asked = hyper::upgrade::on(&mut request);
        let (mut parts, body) = request.into_parts();
        let client = parts.extensions.remove::<Client>();
        let slot = parts.extensions.remove::<StreamSlot>();
        let counted = parts.extensions.get::<Priority>().map(|priority| Counted(priority.counted_as()));
        let upgrade = message::upgrade(&parts).filter(|_| self.settings.protocol == Protocol::Http1);
        let asked = upgrade.is_some().then_some(asked);
        message::end_hop(&mut parts.headers, upgrade);
        self.address(&mut parts);

        let progress = Arc::new(Progress::new(&body));
        let body = SendBody::new(body, Arc::clone(&progress), self.settings.timeouts.request_body);
        let request = Request::from_parts(parts, body);
        let limit = self.settings.timeouts.response_head;
        let (mut response, mut lease) = self.pool.send(request, &progress, limit).await?;

        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some((asked, client)) = asked.zip(client) else {
                return Err(ForwardError::unasked_upgrade());
            };
            let limit = self.settings.timeouts.tunnel;
            tunnel::open(asked, hyper::upgrade::on(&mut response), client, limit, slot);
            lease = None;
        }
        let (mut parts, incoming) = response.into_parts();
        if !message::is_plainly_framed(&parts.headers) {
            return Err(ForwardError::unknown_coding());
        }
        message::end_hop_of_response(&mut parts);
        parts.version = Version::HTTP_11;
        if let Some(counted) = counted {
            parts.extensions.insert(counted);
        }
        let body = AnswerBody::new(incoming, self.settings.timeouts.response_body, lease, progress);
        Ok(Response::from_parts(parts, body))
    }

    /// Writes the target as the protocol of the service wants it.
    fn address(&self, parts: &mut http::request::Parts) {
        let path = parts.uri.path_and_query().cloned();
        let mut uri = http::uri::Parts::default();
        uri.path_and_query = path;
        match self.settings.protocol {
            Protocol::Http1 => {
                message::join_cookies(&mut parts.headers);
                message::name_te(&mut parts.headers);
                parts.version = Version::HTTP_11;
            }
            Protocol::Http2 => {
                parts.version = Version::HTTP_2;
                let host = parts.headers.remove(http::header::HOST);
                uri.authority = host.and_then(|host| host.as_bytes().try_into().ok());
                uri.scheme = uri.authority.as_ref().map(|_| self.scheme());
            }
        }
        // Parts of a valid target are one again.
        if let Ok(uri) = Uri::from_parts(uri) {
            parts.uri = uri;
        }
    }

    fn scheme(&self) -> http::uri::Scheme {
        if self.settings.tls.is_some() { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP }
    }
}
