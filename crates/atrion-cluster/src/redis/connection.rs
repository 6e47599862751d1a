// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! How the connection is, as the port's methods say it.

use atrion_state::{Health, ProviderError};
use tokio::sync::watch;

use super::NAME;
use super::shared::Shared;
use super::status::{Connection, Status};

impl Shared {
    /// For callers that wait for the connection to change.
    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(super) fn is(&self, connection: Connection) {
        self.status.send_modify(|status| status.connection = connection);
    }

    /// What an earlier life stored has been read: from now on "none" is an answer.
    pub(super) fn loaded(&self) {
        self.status.send_modify(|status| status.loaded = true);
    }

    /// How it is, with what there is to say of the fleet.
    pub(super) fn health(&self) -> Health {
        let degraded = |reason: &str| Health::Degraded { reason: reason.into() };
        match &self.status.borrow().connection {
            Connection::Idle => Health::Disconnected,
            Connection::Up => self.crowd().map_or(Health::Up, |reason| degraded(&reason)),
            Connection::Connecting => degraded("connecting"),
            Connection::Down(error) => degraded(&error.reason()),
            Connection::Unlicensed => degraded(&self.adapter.no_license()),
        }
    }

    /// Whether "I know of none" is the truth: it is, once what an earlier life stored has been
    /// read, and without a license, when there is nothing to read.
    pub(super) fn answers(&self) -> Result<(), ProviderError> {
        let status = self.status.borrow();
        match &status.connection {
            _ if status.loaded || !self.adapter.license.is_granted() => Ok(()),
            Connection::Idle => Err(ProviderError::Disconnected { provider: NAME }),
            Connection::Down(error) => Err(error.again()),
            Connection::Connecting | Connection::Up | Connection::Unlicensed => {
                Err(ProviderError::unavailable(NAME, "what is stored has not been read yet"))
            }
        }
    }
}
