// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Studio as its owner holds it: built, started, stopped.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_engine::Atrion;
use atrion_license::{Sources, Watch};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use crate::config::{Access, StudioConfig, StudioConfigError};
use crate::gate::Gate;
use crate::hub::Hub;
use crate::listener::Guarded;
use crate::model::Model;
use crate::overrides::Authors;
use crate::past::Past;
use crate::sampler;
use crate::server::{self, Sessions};
use crate::source::{History, Instance, Source};
use crate::token::{Token, TokenError};

/// A dashboard. [`Studio::of`] an instance, or over any other [`Source`].
#[derive(Debug)]
pub struct Studio(());

impl Studio {
    /// Builds a Studio over the instance of this process. Nothing has to be set.
    pub fn of(atrion: &Atrion) -> Builder {
        let node = StudioConfig::default().node;
        Self::over(Instance::new(atrion, node))
    }

    /// Builds a Studio over something else.
    pub fn over(source: impl Source) -> Builder {
        Builder {
            config: StudioConfig::default(),
            source: Arc::new(source),
            history: None,
            license: None,
            patience: PATIENCE,
        }
    }
}

/// What a Studio is made of.
#[must_use = "a builder does nothing until it starts"]
pub struct Builder {
    config: StudioConfig,
    source: Arc<dyn Source>,
    history: Option<Arc<dyn History>>,
    license: Option<Watch>,
    patience: Duration,
}

/// Why a Studio was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] StudioConfigError),
    /// No token could be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The address cannot be listened to.
    #[error("cannot listen to {address}: {source}; choose another address, or port 0 for a free one")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Builder {
    /// Sets everything that can be set.
    pub fn config(mut self, config: StudioConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets where to listen.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.config.address = address;
        self
    }

    /// Sets who may look.
    pub fn access(mut self, access: Access) -> Self {
        self.config.access = access;
        self
    }

    /// Lets those who have the token take routes over by hand.
    pub fn overrides(mut self, overrides: bool) -> Self {
        self.config.overrides = overrides;
        self
    }

    /// Sets how many of the latest minutes are kept for *What if*; 0 is none.
    pub fn kept_minutes(mut self, minutes: u32) -> Self {
        self.config.kept_minutes = minutes;
        self
    }

    /// Sets what remembers: the page then shows what was before this process began, and on other nodes. A
    /// `HistoryReader` of atrion-cluster is one (with the feature `postgres`), as `adapter.history()` gives it.
    pub fn history(mut self, history: impl History) -> Self {
        self.history = Some(Arc::new(history));
        self
    }

    /// Sets the licence: a `License`, a key, or `Sources` to look in. Without it Studio looks where every adapter does.
    pub fn license(mut self, license: impl Into<Watch>) -> Self {
        self.license = Some(license.into());
        self
    }

    /// Cuts a connection off on which nothing moves for so long. 15 s by default; for tests.
    #[doc(hidden)]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Listens, and spawns two tasks on the current tokio runtime: one that looks, one that serves.
    ///
    /// A licence that is missing is no error: the page then says so.
    ///
    /// # Errors
    /// [`StartError`] if the configuration is not valid or the address cannot be had.
    pub async fn start(self) -> Result<Running, StartError> {
        let Self { config, source, history, license, patience } = self;
        config.check()?;
        let token = match &config.access {
            Access::Generated => Some(Token::generate()?),
            Access::Token(token) => Some(token.clone()),
            Access::Open => None,
        };
        let address = config.address;
        let bind = |source| StartError::Bind { address, source };
        let listener = listen(address).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let epoch = Token::generate()?.reveal()[..8].replace('-', "_");
        let shared = Arc::new(Shared {
            hub: Hub::new(epoch, config.clients),
            model: Mutex::new(Model::new(config.history_mib)),
            gate: Gate::new(license.unwrap_or_else(|| Sources::standard().into()), config.cluster.clone()),
            authors: Authors::default(),
            sessions: Sessions::new(token.clone()),
            past: Past::new(history),
            running: Arc::default(),
            address,
            source,
            config,
        });
        shared.gate.poll(sampler::unix_now());
        sampler::look(&shared);
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(sampler::run(Arc::clone(&shared), stopping.clone()));
        // A few places beside those of the streams, for everything else that a browser asks for.
        let guarded = Guarded::new(listener, 2 * shared.config.clients + 16, patience);
        tokio::spawn(server::serve(guarded, Arc::clone(&shared), stopping));
        tracing::info!(target: "atrion::studio", %address, "studio is served");
        Ok(Running { shared, token, stop })
    }
}

/// Listens with a bound on what the kernel keeps for each browser, which accepted connections inherit: it would otherwise
/// take megabytes in for one that does not read before anybody noticed.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As for every server: a restart need not wait for the connections of the life before.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(128)
}

/// Enough for the state of a thousand routes at once.
const SEND_BUFFER: u32 = 256 * 1024;

/// What all parts share.
pub(crate) struct Shared {
    pub(crate) config: StudioConfig,
    pub(crate) address: SocketAddr,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) hub: Hub,
    /// Never locked while the same task holds the hub.
    pub(crate) model: Mutex<Model>,
    pub(crate) gate: Gate,
    pub(crate) authors: Authors,
    pub(crate) sessions: Sessions,
    pub(crate) past: Past,
    /// Held by the one run of a replay at a time.
    pub(crate) running: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// Whether routes can be taken over by hand here.
    pub(crate) fn may_change(&self) -> bool {
        self.config.overrides && self.source.operator().is_some()
    }
}

/// A Studio that is being served. Dropping it ends it.
#[must_use = "dropped, it ends at once"]
pub struct Running {
    shared: Arc<Shared>,
    token: Option<Token>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What to open in a browser. The token stands behind the `#`, which browsers send to nobody; the page exchanges it
    /// for a cookie and takes it out of the address.
    #[must_use]
    pub fn url(&self) -> String {
        let address = self.shared.address;
        match &self.token {
            Some(token) => format!("http://{address}/#token={}", token.reveal()),
            None => format!("http://{address}/"),
        }
    }

    /// How many browsers watch.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.shared.hub.clients()
    }

    /// How many browsers were dropped since the start because they were too slow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.hub.dropped()
    }

    /// Ends it: streams are closed, and the port is free soon after.
    pub fn stop(self) {}

    /// Serves until the process ends.
    pub async fn forever(self) {
        std::future::pending::<()>().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.shared.hub.close();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

const PATIENCE: Duration = Duration::from_secs(15);
