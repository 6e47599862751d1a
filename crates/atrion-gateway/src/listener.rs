// SPDX-License-Identifier: Apache-2.0
//! A place where connections come in.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::client::{Phase, reached};
use crate::config::Address;
use crate::connection::{Accepted, Expected, serve};
use crate::counters::Counters;
use crate::places::Places;
use crate::service::Shared;
use crate::wire::Io;

/// A socket that listens. Dropped, it does not, and the file of a unix socket is gone.
pub(crate) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Bound {
    pub(crate) async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address.as_str()).await.map(Self::Tcp),
            Address::Unix(path) => {
                // What an earlier process has left behind; somebody who still listens stays.
                let is_stale = std::os::unix::net::UnixStream::connect(path)
                    .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
                if is_stale {
                    std::fs::remove_file(path)?;
                }
                Ok(Self::Unix(UnixListener::bind(path)?, path.clone()))
            }
        }
    }

    /// Where it listens, with the port that it has got.
    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Tcp(listener) => Address::Tcp(
                listener.local_addr().map_or_else(|_| String::new(), |address| address.to_string()),
            ),
            Self::Unix(_, path) => Address::Unix(path.clone()),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Io>, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // A peer that is gone already shows at the first read.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Some(peer)))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), None))
            }
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Takes connections until the drain, as many at a time as there are places.
pub(crate) async fn listen(
    bound: Bound,
    expected: Arc<ArcSwap<Expected>>,
    shared: Arc<Shared>,
    places: Places,
    mut phase: watch::Receiver<Phase>,
) {
    loop {
        let next = async {
            let place = places.take().await?;
            Some((place, bound.accept().await))
        };
        let (place, accepted) = tokio::select! {
            next = next => match next {
                Some(next) => next,
                None => return,
            },
            () = reached(&mut phase, Phase::Draining) => return,
        };
        match accepted {
            Ok((io, peer)) => {
                let accepted = Accepted { io, peer, place, phase: phase.clone() };
                let expected = Expected::clone(&expected.load());
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let counters = Arc::clone(&shared.counters);
                    counters.connection(1);
                    serve(accepted, expected, shared).await;
                    counters.connection(-1);
                });
            }
            Err(error) => {
                shared.counters.refuse_connection(Counters::ACCEPT);
                tracing::warn!(name: "atrion.gateway.accept", target: "atrion", %error, "no connection taken");
                // Without descriptors the next attempt would fail at once, for ever.
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
