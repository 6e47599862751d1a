// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! How a connection is opened: what the url says, and what a source of credentials says at that
//! moment.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::error::StoreError;
use crate::credentials::Source;

/// The options have the password in them, so this is never shown.
#[derive(Clone)]
pub(super) struct Login {
    options: PgConnectOptions,
    source: Source,
}

/// The longest wait for a source of credentials.
const CREDENTIALS: Duration = Duration::from_secs(2);

impl Login {
    pub(super) const fn new(options: PgConnectOptions, source: Source) -> Self {
        Self { options, source }
    }

    pub(super) fn with(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// What the url says, before a source is asked.
    pub(super) const fn url(&self) -> &PgConnectOptions {
        &self.options
    }

    /// The options of this moment.
    pub(super) async fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let given = self.source.ask(CREDENTIALS).await.map_err(StoreError::Credentials)?;
        let mut options = self.options.clone();
        if let Some(user) = &given.user {
            options = options.username(user);
        }
        if let Some(password) = &given.password {
            options = options.password(password);
        }
        if let Some((chain, key)) = &given.certificate {
            options = options.ssl_client_cert_from_pem(chain).ssl_client_key_from_pem(key);
        }
        Ok(options)
    }

    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        let refused = |error| {
            let error = StoreError::from(error);
            // A source may know better in a moment: a password is changed in two places.
            if self.source.is_set() { error.passing() } else { error }
        };
        PgConnection::connect_with(&self.options().await?).await.map_err(refused)
    }
}
