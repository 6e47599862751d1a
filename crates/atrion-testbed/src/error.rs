// SPDX-License-Identifier: Apache-2.0
//! What can go wrong with a server.

use std::path::PathBuf;

use crate::Server;

/// Why there is no server, or why it did not do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// No usable server was found, and none could be fetched.
    #[error("no usable {server} for tests: {reason}", server = server.name())]
    Missing {
        /// Which.
        server: Server,
        /// What was tried, and what to do.
        reason: String,
    },
    /// A program could not be run, or a file could not be made.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server ended, or was not ready in time.
    #[error("{what}; its log in {log} ends with:\n{tail}", log = log.display())]
    Dead {
        /// What was waited for.
        what: String,
        /// Where its log is, as long as the server's value lives.
        log: PathBuf,
        /// The log's end.
        tail: String,
    },
    /// The server answered with an error.
    #[error("the server refused `{request}`: {answer}")]
    Refused {
        /// What it was asked.
        request: String,
        /// What it said.
        answer: String,
    },
}

impl ServerError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
