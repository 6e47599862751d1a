// SPDX-License-Identifier: Apache-2.0
//! What can go wrong between a node and its store.

use std::time::Duration;

use crate::{Escaped, RouteId};

/// The cause below a [`ProviderError`]: what the adapter's client library said.
pub type SourceError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a provider did not do what it was asked. What happened and whether trying again helps are
/// two facts: [`is_retryable`](Self::is_retryable) gives the second.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// `connect` was not called yet, or `disconnect` was.
    #[error("provider `{provider}` is not connected: call connect first")]
    Disconnected {
        /// Name of the provider.
        provider: &'static str,
    },
    /// The store cannot be reached, or broke off.
    #[error("provider `{provider}` is unavailable: {}", Escaped(reason))]
    Unavailable {
        /// Name of the provider.
        provider: &'static str,
        /// What was seen.
        reason: String,
        /// What the client library said.
        #[source]
        source: Option<SourceError>,
    },
    /// The store did not answer in time.
    #[error("provider `{provider}` did not answer within {after:?}")]
    Timeout {
        /// Name of the provider.
        provider: &'static str,
        /// How long it had.
        after: Duration,
    },
    /// The store answered and refused: the same request will be refused again.
    #[error("provider `{provider}` refused the request: {}", Escaped(reason))]
    Rejected {
        /// Name of the provider.
        provider: &'static str,
        /// What it refused, and what to mend.
        reason: String,
        /// What the client library said.
        #[source]
        source: Option<SourceError>,
    },
    /// The store holds something under this route that is no vector. It is left alone; the next
    /// update replaces it.
    #[error("provider `{provider}` holds no valid vector for route `{route}`: {}", Escaped(reason))]
    Corrupt {
        /// Name of the provider.
        provider: &'static str,
        /// The route that was asked for.
        route: RouteId,
        /// What is wrong with it.
        reason: String,
    },
}

impl ProviderError {
    /// The store cannot be reached; `reason` in a few words, without a full stop.
    #[must_use]
    pub fn unavailable(provider: &'static str, reason: impl Into<String>) -> Self {
        Self::Unavailable { provider, reason: reason.into(), source: None }
    }

    /// The store refused; `reason` in a few words, without a full stop.
    #[must_use]
    pub fn rejected(provider: &'static str, reason: impl Into<String>) -> Self {
        Self::Rejected { provider, reason: reason.into(), source: None }
    }

    /// The same error with the cause below it, where the variant has room for one.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<SourceError>) -> Self {
        if let Self::Unavailable { source, .. } | Self::Rejected { source, .. } = &mut self {
            *source = Some(cause.into());
        }
        self
    }

    /// The same error for another caller. Its cause cannot be copied, and is left out.
    #[must_use]
    pub fn again(&self) -> Self {
        let provider = self.provider();
        match self {
            Self::Disconnected { .. } => Self::Disconnected { provider },
            Self::Unavailable { reason, .. } => Self::unavailable(provider, reason.clone()),
            Self::Timeout { after, .. } => Self::Timeout { provider, after: *after },
            Self::Rejected { reason, .. } => Self::rejected(provider, reason.clone()),
            Self::Corrupt { route, reason, .. } => {
                Self::Corrupt { provider, route: route.clone(), reason: reason.clone() }
            }
        }
    }

    /// What it says beyond its kind and the provider's name.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unavailable { reason, .. } | Self::Rejected { reason, .. } => reason.clone(),
            Self::Timeout { after, .. } => format!("no answer within {after:?}"),
            Self::Disconnected { .. } | Self::Corrupt { .. } => self.to_string(),
        }
    }

    /// Name of the provider that failed.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        match self {
            Self::Disconnected { provider }
            | Self::Unavailable { provider, .. }
            | Self::Timeout { provider, .. }
            | Self::Rejected { provider, .. }
            | Self::Corrupt { provider, .. } => provider,
        }
    }

    /// What happened, in one word: for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Disconnected { .. } => "disconnected",
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout { .. } => "timeout",
            Self::Rejected { .. } => "rejected",
            Self::Corrupt { .. } => "corrupt",
        }
    }

    /// Whether the same request can succeed later although nothing is mended.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Disconnected { .. } | Self::Unavailable { .. } | Self::Timeout { .. } => true,
            Self::Rejected { .. } | Self::Corrupt { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_cause_is_kept_and_the_message_names_the_provider() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = ProviderError::unavailable("redis", "no connection").caused_by(refused);
        assert_eq!(error.to_string(), "provider `redis` is unavailable: no connection");
        assert!(error.source().is_some());
        assert!(error.is_retryable());
        assert_eq!(error.provider(), "redis");
    }

    #[test]
    fn what_a_server_says_stays_on_one_line() {
        let said = "ERR\r\n2026-01-09 INFO all is well\u{1b}[2J";
        let route = RouteId::new("r").unwrap();
        for error in [
            ProviderError::unavailable("redis", said),
            ProviderError::rejected("redis", said),
            ProviderError::Corrupt { provider: "redis", route, reason: said.to_owned() },
        ] {
            let told = error.to_string();
            assert!(told.ends_with(r"ERR\r\n2026-01-09 INFO all is well\u{1b}[2J"), "{told}");
        }
    }

    #[test]
    fn what_the_store_refuses_is_not_worth_repeating() {
        assert!(!ProviderError::rejected("postgres", "schema is newer").is_retryable());
        assert!(ProviderError::Timeout { provider: "redis", after: Duration::from_secs(1) }.is_retryable());
    }
}
