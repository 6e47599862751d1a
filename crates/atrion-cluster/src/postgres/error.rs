// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a database said, as what the port says.

use std::time::Duration;

use atrion_state::{Escaped, ProviderError};

use super::NAME;
use crate::bounded::Bounded;

/// The database was not reached, did not answer in time, or refused.
#[derive(Debug)]
pub(super) enum StoreError {
    /// The client library, or the database through it.
    Sql(sqlx::Error),
    /// The schema is not one that this build can use; what is wrong, and what to do.
    Schema(String),
    /// There is nothing to log in with, or it is refused and may be replaced; why.
    Credentials(String),
    Timeout {
        after: Duration,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Bounded for StoreError {
    fn no_answer(after: Duration) -> Self {
        Self::Timeout { after }
    }
}

impl StoreError {
    /// The row, and not the connection or the rights, is at fault: data exceptions and violated
    /// constraints.
    pub(super) fn is_of_the_data(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// The database said it, over a connection that goes on.
    pub(super) fn is_an_answer(&self) -> bool {
        self.code().is_some()
    }

    /// The server is not the one that is trusted, or speaks in clear. What a handshake refuses is
    /// `InvalidData` to the library.
    fn is_of_tls(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Tls(_)) => true,
            Self::Sql(sqlx::Error::Io(error)) => error.kind() == std::io::ErrorKind::InvalidData,
            _ => false,
        }
    }

    /// The same; what is refused for its credentials, a client's certificate among them, passes by
    /// itself.
    pub(super) fn passing(self) -> Self {
        let is_refused = matches!(self.code().as_deref(), Some("28000" | "28P01"));
        match &self {
            Self::Sql(error) if is_refused || self.is_of_tls() => Self::Credentials(said(error)),
            _ => self,
        }
    }

    /// The SQLSTATE.
    fn code(&self) -> Option<String> {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => error.code().map(|code| code.into_owned()),
            _ => None,
        }
    }
}

impl From<StoreError> for ProviderError {
    fn from(failure: StoreError) -> Self {
        let mend = failure.code().as_deref().and_then(mend).or_else(|| failure.is_of_tls().then_some(TLS));
        match failure {
            StoreError::Schema(reason) => Self::rejected(NAME, reason),
            StoreError::Credentials(reason) => Self::unavailable(NAME, Escaped(&reason).to_string()),
            StoreError::Timeout { after } => Self::Timeout { provider: NAME, after },
            StoreError::Sql(error) => match mend {
                Some(mend) => Self::rejected(NAME, format!("{}: {mend}", said(&error))).caused_by(error),
                None => Self::unavailable(NAME, said(&error)).caused_by(error),
            },
        }
    }
}

/// The reason in a few words, without what the error says of itself, on one line. sqlx never puts a
/// password into one.
fn said(error: &sqlx::Error) -> String {
    let said = match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} (SQLSTATE {code})", error.message()),
            None => error.message().to_owned(),
        },
        // The library's words around it say nothing more.
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => error.to_string(),
        other => other.to_string(),
    };
    Escaped(&said).to_string()
}

const TLS: &str = "check `sslmode`, `sslrootcert` and the host in the url, and the server's certificate";

/// What to do about what will be refused again. Everything else passes by itself: a restart, a full
/// disk, too many connections, a timeout, a failover to a server that is not read-only.
fn mend(code: &str) -> Option<&'static str> {
    Some(match code {
        "28000" | "28P01" => "check the role and the password in the url",
        "3D000" => "create the database, or name another one in the url",
        "42501" => {
            "grant the role what atrion::manual::persistence lists, or migrate once with a role that owns the database"
        }
        "3F000" | "42P01" | "42703" | "42883" => "the schema is incomplete: run once with `migrate`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_retryable_and_a_schema_is_not() {
        let broken: ProviderError = StoreError::from(sqlx::Error::PoolTimedOut).into();
        assert!(broken.is_retryable());
        let silent: ProviderError = StoreError::Timeout { after: Duration::from_secs(1) }.into();
        assert!(silent.is_retryable());
        let schema: ProviderError = StoreError::Schema("schema is newer".into()).into();
        assert!(!schema.is_retryable());
        assert!(mend("28P01").is_some() && mend("53300").is_none() && mend("57P03").is_none());
    }
}
