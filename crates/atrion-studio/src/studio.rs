// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Builds a Studio and starts it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_engine::Atrion;
use atrion_license::{Sources, Watch};
use tokio::sync::watch;

use crate::authors::Authors;
use crate::config::{Access, StudioConfig, StudioConfigError};
use crate::hub::Hub;
use crate::license_view::{LicenseView, unix_now};
use crate::listener::{Guarded, listen};
use crate::model::Model;
use crate::past::Past;
use crate::rooms::Rooms;
use crate::running::Running;
use crate::sampler;
use crate::server;
use crate::sessions::Sessions;
use crate::shared::Shared;
use crate::source::{History, Instance, Source};
use crate::token::{Token, TokenError};

/// A dashboard: [`Studio::of`] an instance, or over any other [`Source`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use atrion_engine::Atrion;
/// use atrion_studio::Studio;
///
/// let atrion = Atrion::builder().connect().await?;
/// let studio = Studio::of(&atrion)
///     .address("127.0.0.1:0".parse()?) // port 0 takes a free one; 7117 by default
///     .overrides(true)
///     .start()
///     .await?;
/// println!("{}", studio.url()); // http://127.0.0.1:40231/#token=…
/// assert_eq!(studio.clients(), 0);
/// studio.stop();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Studio(());

impl Studio {
    /// Builds a Studio over the instance of this process. Every setting has a default.
    pub fn of(atrion: &Atrion) -> Builder {
        let node = StudioConfig::default().node;
        Self::over(Instance::new(atrion, node))
    }

    /// Builds a Studio over another source.
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

/// The parts of a Studio.
#[must_use = "a builder does nothing until it starts"]
pub struct Builder {
    config: StudioConfig,
    source: Arc<dyn Source>,
    history: Option<Arc<dyn History>>,
    license: Option<Watch>,
    patience: Duration,
}

const PATIENCE: Duration = Duration::from_secs(15);
/// Connections at a time of which no request has shown a pass yet.
const STRANGERS: usize = 128;

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
    /// Sets the whole configuration.
    pub fn config(mut self, config: StudioConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets where to listen.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.config.address = address;
        self
    }

    /// Sets the access.
    pub fn access(mut self, access: Access) -> Self {
        self.config.access = access;
        self
    }

    /// Allows overrides of routes to everybody with the token.
    pub fn overrides(mut self, overrides: bool) -> Self {
        self.config.overrides = overrides;
        self
    }

    /// Sets how many of the latest minutes are kept for *What if*; 0 keeps none.
    pub fn kept_minutes(mut self, minutes: u32) -> Self {
        self.config.kept_minutes = minutes;
        self
    }

    /// Sets the history: the page then shows what was before this process began, and on other
    /// nodes. A `HistoryReader` of atrion-cluster is one (with the feature `postgres`), as
    /// `adapter.history()` gives it.
    pub fn history(mut self, history: impl History) -> Self {
        self.history = Some(Arc::new(history));
        self
    }

    /// Sets the license: a `License`, a key, or `Sources` to look in. Without it Studio looks where
    /// every adapter looks.
    pub fn license(mut self, license: impl Into<Watch>) -> Self {
        self.license = Some(license.into());
        self
    }

    /// Sets how long a connection may stand still before it is cut off. 15 s by default; for tests.
    #[doc(hidden)]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Listens, and spawns two tasks on the current tokio runtime: the sampler and the server.
    ///
    /// A missing license is no error: the page then says so.
    ///
    /// # Errors
    /// [`StartError`] if the configuration is not valid or the address cannot be listened to.
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
        let license = license.unwrap_or_else(|| Sources::standard().into());
        let shared = Arc::new(Shared {
            hub: Hub::new(epoch, config.clients),
            model: Mutex::new(Model::new(config.history_mib)),
            license: LicenseView::new(license, config.cluster.clone()),
            authors: Authors::default(),
            sessions: Sessions::new(token.clone()),
            past: Past::new(history),
            replay: Arc::default(),
            address,
            source,
            config,
        });
        shared.license.poll(unix_now());
        sampler::look(&shared);
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(sampler::run(Arc::clone(&shared), stopping.clone()));
        // Room for the streams, and for everything else that a browser asks for.
        let rooms = Rooms::new(STRANGERS, 2 * shared.config.clients + 16);
        let guarded = Guarded::new(listener, rooms, patience);
        tokio::spawn(server::serve(guarded, Arc::clone(&shared), stopping));
        tracing::info!(target: "atrion::studio", %address, "studio is served");
        Ok(Running::new(shared, token, stop))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}
