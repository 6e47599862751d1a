// SPDX-License-Identifier: Apache-2.0
//! A network between a client and a server, with the faults of networks.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::ServerError;

/// Where a proxy leads.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Upstream {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A TCP port of 127.0.0.1 that leads to a server until a fault is set. Ends with the value.
///
/// It runs on a thread of its own, by the machine's clock.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    _running: oneshot::Sender<()>,
}

/// What the network is like.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    /// Rises with each cut; connections of an earlier one are broken.
    cuts: u64,
    /// New connections are closed at once.
    refuses: bool,
    /// What clients send stays on the way.
    holds_up: bool,
    /// What the server sends stays on the way.
    holds_down: bool,
    /// Each way takes so long.
    delay: Duration,
}

impl Proxy {
    /// A proxy before a server.
    ///
    /// # Errors
    /// [`ServerError::Io`] if the system gives no port or no thread.
    pub fn start(upstream: Upstream) -> Result<Self, ServerError> {
        let failed = || ServerError::io("cannot start a proxy");
        // Bound by the standard library: the caller may be inside a runtime, where another one may
        // not be entered.
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(failed())?;
        listener.set_nonblocking(true).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let (weather, seen) = watch::channel(Weather::default());
        let (running, ended) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed())?;
        let serve = move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = accept(listener, upstream, seen) => {}
                    _ = ended => {}
                }
            });
        };
        std::thread::Builder::new().name("proxy".to_owned()).spawn(serve).map_err(failed())?;
        Ok(Self { address, weather, _running: running })
    }

    /// A proxy before a TCP port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn to(address: SocketAddr) -> Result<Self, ServerError> {
        Self::start(Upstream::Tcp(address))
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection and closes new ones at once.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| {
            weather.cuts += 1;
            weather.refuses = true;
        });
    }

    /// Breaks every connection; new ones are accepted.
    pub fn reset(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Nothing passes any more, without a sign: bytes wait, connections stay open, new ones are
    /// accepted.
    pub fn hold(&self) {
        self.weather.send_modify(|weather| (weather.holds_up, weather.holds_down) = (true, true));
    }

    /// The server hears the clients, and they do not hear it.
    pub fn half_open(&self) {
        self.weather.send_modify(|weather| (weather.holds_up, weather.holds_down) = (false, true));
    }

    /// Each way takes this long.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// A good network again. Bytes that were held pass now.
    pub fn restore(&self) {
        self.weather.send_modify(|weather| *weather = Weather { cuts: weather.cuts, ..Weather::default() });
    }
}

async fn accept(listener: TcpListener, upstream: Upstream, weather: watch::Receiver<Weather>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if weather.borrow().refuses {
            continue;
        }
        let (upstream, weather) = (upstream.clone(), weather.clone());
        tokio::spawn(async move {
            // A server that cannot be reached looks as without a proxy: the connection breaks.
            let _ = connect(client, upstream, weather).await;
        });
    }
}

async fn connect(client: TcpStream, upstream: Upstream, weather: watch::Receiver<Weather>) -> io::Result<()> {
    client.set_nodelay(true)?;
    match upstream {
        Upstream::Tcp(address) => {
            let server = TcpStream::connect(address).await?;
            server.set_nodelay(true)?;
            join(client.into_split(), server.into_split(), weather).await;
        }
        Upstream::Unix(path) => {
            join(client.into_split(), UnixStream::connect(path).await?.into_split(), weather).await;
        }
    }
    Ok(())
}

/// Carries both ways until one side ends or the connection is cut; dropping the halves closes it.
async fn join<R1, W1, R2, W2>(client: (R1, W1), server: (R2, W2), weather: watch::Receiver<Weather>)
where
    R1: AsyncReadExt + Unpin,
    W1: AsyncWriteExt + Unpin,
    R2: AsyncReadExt + Unpin,
    W2: AsyncWriteExt + Unpin,
{
    let born = weather.borrow().cuts;
    let mut cut = weather.clone();
    tokio::select! {
        () = carry(client.0, server.1, weather.clone(), |weather| weather.holds_up) => {}
        () = carry(server.0, client.1, weather, |weather| weather.holds_down) => {}
        _ = cut.wait_for(|weather| weather.cuts != born) => {}
    }
}

/// Bytes leave in the order in which they came, each when it is due and the network is not held.
/// Reading goes on meanwhile, so that a delay limits no throughput; at most 1,024 chunks wait, then
/// the sender does.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut weather: watch::Receiver<Weather>,
    held: fn(&Weather) -> bool,
) {
    let (queue, mut waiting) = mpsc::channel::<(Instant, Vec<u8>)>(1_024);
    let delays = weather.clone();
    let read = async move {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
            let due = Instant::now() + delays.borrow().delay;
            if queue.send((due, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = waiting.recv().await {
            tokio::time::sleep_until(due).await;
            if weather.wait_for(|weather| !held(weather)).await.is_err()
                || to.write_all(&bytes).await.is_err()
            {
                return;
            }
        }
    };
    // When the reader ends, the writer sends what is left and ends, too; when the writer ends, so
    // does the reader.
    let read = async {
        read.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}
