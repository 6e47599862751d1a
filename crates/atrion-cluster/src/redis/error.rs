// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What can go wrong between here and the store.

use std::time::Duration;

use atrion_state::{Escaped, ProviderError};
use redis::{ErrorKind, RedisError};

use super::NAME;
use crate::bounded::Bounded;

/// The store was not reached, did not answer in time, or refused.
#[derive(Debug)]
pub(super) enum StoreError {
    Timeout {
        after: Duration,
    },
    Redis(RedisError),
    /// There is nothing to log in with, or it cannot be used; why.
    Credentials(String),
    Other(String),
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl Bounded for StoreError {
    fn no_answer(after: Duration) -> Self {
        Self::Timeout { after }
    }
}

impl StoreError {
    /// In words for a person, with what mends it where a person has to.
    pub(super) fn reason(&self) -> String {
        let reason = match self {
            Self::Timeout { after } => format!("no answer within {after:?}"),
            Self::Redis(error) => reason(error),
            Self::Credentials(reason) | Self::Other(reason) => reason.clone(),
        };
        // A server's words go to logs and terminals.
        Escaped(&reason).to_string()
    }

    /// The server takes no writes at present, and everything else.
    pub(super) fn is_full(&self) -> bool {
        let Self::Redis(error) = self else { return false };
        matches!(refusal(error).0.as_str(), "OOM" | "MISCONF")
    }
}

/// As the port has it. What a person has to mend is `Rejected`.
impl From<StoreError> for ProviderError {
    fn from(error: StoreError) -> Self {
        let reason = error.reason();
        match error {
            StoreError::Timeout { after } => Self::Timeout { provider: NAME, after },
            StoreError::Redis(error) if is_refusal(&error) => Self::rejected(NAME, reason).caused_by(error),
            StoreError::Redis(error) => Self::unavailable(NAME, reason).caused_by(error),
            StoreError::Credentials(_) | StoreError::Other(_) => Self::unavailable(NAME, reason),
        }
    }
}

fn is_refusal(error: &RedisError) -> bool {
    let refusal = refusal(error);
    matches!(error.kind(), ErrorKind::AuthenticationFailed)
        || matches!(refusal.0.as_str(), "NOAUTH" | "NOPERM" | "WRONGPASS" | "WRONGTYPE")
}

fn reason(error: &RedisError) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let (code, detail) = refusal(error);
    let what = match (error.kind(), code.as_str()) {
        (ErrorKind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => {
            "name or password refused: give the ones that the server's ACL has"
        }
        (_, "NOPERM") => {
            "a command, key or channel is not permitted: give the user the ACL of atrion::manual::fleet"
        }
        (_, "WRONGTYPE") => "a key of ours holds something else: give this fleet a namespace of its own",
        (_, "OOM") => "the server's memory is full: raise maxmemory",
        (_, "MISCONF") => "the server cannot save its data and takes no writes: see its log",
        (_, "READONLY") => "the server is a replica: a failover is under way, or the url names a replica",
        (_, "MOVED" | "ASK" | "CLUSTERDOWN" | "TRYAGAIN") => {
            "the slot is elsewhere or nowhere: the cluster is changing"
        }
        _ => return error.to_string(),
    };
    match detail {
        Some(detail) => format!("{what} ({detail})"),
        None => what.to_owned(),
    }
}

/// What the server called its refusal, and its words. A transaction that was refused says so at the
/// command that was.
fn refusal(error: &RedisError) -> (String, Option<String>) {
    let refused = error.clone().into_server_errors();
    match refused.as_deref().and_then(<[_]>::first) {
        Some((_, refused)) => (refused.code().to_owned(), refused.details().map(str::to_owned)),
        None => (code(error).to_owned(), error.detail().map(str::to_owned)),
    }
}

pub(super) fn code(error: &RedisError) -> &str {
    error.code().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;

    #[test]
    fn what_a_server_writes_reaches_a_log_as_one_line() {
        let said = make_extension_error("EVIL".to_owned(), Some("a\nb \u{1b}[31m red".to_owned()));
        let error = StoreError::from(said);
        let provider = ProviderError::from(StoreError::Other("a\r\nb".to_owned()));
        for shown in [error.reason(), provider.to_string()] {
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }
}
