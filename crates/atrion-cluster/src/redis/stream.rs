// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Connections to one server: TCP, TLS or a socket, with [bounded](super::limit) answers.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, RedisError};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use super::error::StoreError;
use super::limit::Limited;
use crate::bounded::Bounded;

/// The longest wait for a connection, with its handshakes.
const OPEN: Duration = Duration::from_secs(1);

/// A server and how to log in to it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) info: ConnectionInfo,
    pub(super) tls: Option<TlsConnector>,
}

/// A connection for commands. The task that moves its bytes ends with the last clone.
#[derive(Clone)]
pub(super) struct Commands {
    connection: MultiplexedConnection,
    _mover: Arc<Task>,
}

/// A task that ends with this.
pub(super) struct Task(AbortHandle);

impl Task {
    pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

impl Server {
    /// A connection for commands. Every call over it is to be [bounded](Bounded::within).
    pub(super) async fn commands(&self) -> Result<Commands, StoreError> {
        StoreError::within(OPEN, self.connected(AsyncConnectionConfig::new())).await
    }

    /// The same, with what the server sends unasked going to this.
    pub(super) async fn pushed(
        &self,
        receive: impl Fn(redis::PushInfo) -> Result<(), std::convert::Infallible> + Send + Sync + 'static,
    ) -> Result<Commands, StoreError> {
        StoreError::within(OPEN, self.connected(AsyncConnectionConfig::new().set_push_sender(receive))).await
    }

    async fn connected(&self, config: AsyncConnectionConfig) -> Result<Commands, StoreError> {
        // Callers know best how long to wait for an answer.
        let config = config.set_response_timeout(None);
        let stream = self.stream().await?;
        let settings = self.info.redis_settings();
        let (connection, mover) = MultiplexedConnection::new_with_config(settings, stream, config).await?;
        Ok(Commands { connection, _mover: Arc::new(Task::spawn(mover)) })
    }

    /// A connection that listens and can do nothing else.
    pub(super) async fn pubsub(&self) -> Result<PubSub, StoreError> {
        let settings = self.info.redis_settings();
        let opened = async { Ok::<_, StoreError>(PubSub::new(settings, self.stream().await?).await?) };
        StoreError::within(OPEN, opened).await
    }

    async fn stream(&self) -> Result<Limited<Box<dyn Bytes>>, StoreError> {
        let stream: Box<dyn Bytes> = match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => Box::new(tcp(host, *port).await?),
            ConnectionAddr::TcpTls { host, port, .. } => {
                let tls =
                    self.tls.as_ref().ok_or_else(|| StoreError::Other("TLS is not set up".to_owned()))?;
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|_| StoreError::Other("the host is no name for TLS".to_owned()))?;
                Box::new(tls.connect(name, tcp(host, *port).await?).await.map_err(RedisError::from)?)
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                Box::new(tokio::net::UnixStream::connect(path).await.map_err(RedisError::from)?)
            }
            _ => return Err(StoreError::Other("the url is of an unknown kind".to_owned())),
        };
        Ok(Limited::new(stream))
    }
}

impl Commands {
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, RedisError> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How servers' certificates are checked, and what is shown to servers that ask for one: PEM. `Err`
/// is a problem in words, without what was given.
pub(super) fn connector(root: Option<&[u8]>, client: Option<(&[u8], &[u8])>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match root {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in certificates(pem)? {
                roots.add(certificate).map_err(|error| error.to_string())?;
            }
        }
    }
    // The service's own choice of a cryptography counts; without one it is ring.
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|_| "the client's key is none in PEM".to_owned())?;
            config.with_client_auth_cert(certificates(chain)?, key).map_err(|error| error.to_string())?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Certificates in PEM, one at least.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|_| "a certificate is none in PEM".to_owned())?;
    if read.is_empty() { Err("there is no certificate in the PEM".to_owned()) } else { Ok(read) }
}
