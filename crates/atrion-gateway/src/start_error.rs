// SPDX-License-Identifier: Apache-2.0
//! Why a gateway does not start.

use std::io;

use atrion::BuildError;

use crate::config::Address;
use crate::tls::TlsError;
use crate::tokens::KeysError;

/// Why a gateway does not start, or goes on with the configuration that it has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of tokens cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The gates were not built.
    #[error(transparent)]
    Atrion(#[from] BuildError),
    /// The settings of a store are wrong: everything that is, without what is secret.
    #[error("{0}")]
    Store(String),
    /// Studio was not started.
    #[error("no studio: {0}")]
    Studio(String),
    /// The metrics were not made.
    #[error("no metrics: {0}")]
    Metrics(String),
    /// The thread of the access log was not started.
    #[error("no access log")]
    AccessLog(#[source] io::Error),
}
