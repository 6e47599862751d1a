// SPDX-License-Identifier: Apache-2.0
//! A new connection to a service.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::{ForwardError, Stage};
use crate::config::Address;
use crate::wire::{Io, Wire};

/// How to reach a service.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) address: Address,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// For a connection, TLS included.
    pub(crate) limit: Duration,
    /// For the service to take what is written.
    pub(crate) patience: Duration,
}

impl Connector {
    pub(crate) async fn connect(&self) -> Result<Wire, ForwardError> {
        match timeout(self.limit, self.open()).await {
            Ok(Ok(io)) => Ok(Wire::new(io, Bytes::new(), self.patience)),
            Ok(Err(error)) => Err(ForwardError::failed(Stage::Connect, error)),
            Err(_) => Err(ForwardError::timed_out(Stage::Connect)),
        }
    }

    async fn open(&self) -> io::Result<Box<dyn Io>> {
        let io: Box<dyn Io> = match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address.as_str()).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        };
        match &self.tls {
            None => Ok(io),
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                Ok(Box::new(connector.connect(name.clone(), io).await?))
            }
        }
    }
}
