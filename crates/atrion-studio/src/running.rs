// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A Studio that is served, as its owner holds it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::shared::Shared;
use crate::token::Token;

/// A Studio that is being served. Dropping it ends it.
#[must_use = "dropped, it ends at once"]
pub struct Running {
    shared: Arc<Shared>,
    token: Option<Token>,
    stop: watch::Sender<bool>,
}

impl Running {
    pub(crate) fn new(shared: Arc<Shared>, token: Option<Token>, stop: watch::Sender<bool>) -> Self {
        Self { shared, token, stop }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What to open in a browser. The token stands behind the `#`, which a browser sends to no
    /// server; the page exchanges it for a cookie and takes it out of the address.
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

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.shared.address).finish_non_exhaustive()
    }
}
