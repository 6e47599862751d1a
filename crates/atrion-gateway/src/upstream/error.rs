// SPDX-License-Identifier: Apache-2.0
//! What keeps a request from its answer, by stage.

use std::error::Error;
use std::fmt;

use atrion::Outcome;
use atrion::tower::{CallError, Classify, DefaultClassifier, ResponseHead, Verdict};
use http::{HeaderMap, StatusCode};

/// Where it has ended. The names are those of the timeouts in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Connect,
    RequestBody,
    ResponseHead,
}

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::RequestBody => "request_body",
            Self::ResponseHead => "response_head",
        }
    }
}

/// A request without an answer.
#[derive(Debug)]
pub(crate) struct ForwardError {
    stage: Stage,
    timed_out: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ForwardError {
    pub(crate) fn timed_out(stage: Stage) -> Self {
        Self { stage, timed_out: true, source: None }
    }

    pub(crate) fn failed(stage: Stage, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { stage, timed_out: false, source: Some(source.into()) }
    }

    pub(crate) fn unasked_upgrade() -> Self {
        Self::failed(Stage::ResponseHead, "the service changes to a protocol that nobody asked for")
    }

    pub(crate) fn unknown_coding() -> Self {
        Self::failed(Stage::ResponseHead, "the service sends a transfer-encoding other than chunked")
    }

    /// An error of hyper on the way to the service. What the client's own body has said is found in
    /// its causes.
    pub(crate) fn of_exchange(error: hyper::Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(own) = error.downcast_ref::<Self>() {
                return Self { stage: own.stage, timed_out: own.timed_out, source: None };
            }
            cause = error.source();
        }
        Self::failed(Stage::ResponseHead, error)
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn is_timeout(&self) -> bool {
        self.timed_out
    }

    /// The client has not sent what it promised: that says nothing about the service.
    fn is_the_clients(&self) -> bool {
        self.stage == Stage::RequestBody
    }

    pub(crate) fn status(&self) -> StatusCode {
        match (self.is_the_clients(), self.timed_out) {
            (true, true) => StatusCode::REQUEST_TIMEOUT,
            (true, false) => StatusCode::BAD_REQUEST,
            (false, true) => StatusCode::GATEWAY_TIMEOUT,
            (false, false) => StatusCode::BAD_GATEWAY,
        }
    }

    /// What the client is told. Addresses and causes go to the log alone.
    pub(crate) fn detail(&self) -> &'static str {
        match (self.stage, self.timed_out) {
            (Stage::Connect, true) => "the service did not take the connection in time",
            (Stage::Connect, false) => "the service cannot be reached",
            (Stage::RequestBody, true) => "the body of the request did not come in time",
            (Stage::RequestBody, false) => "the body of the request broke off",
            (Stage::ResponseHead, true) => "the service did not answer in time",
            (Stage::ResponseHead, false) => "the service gave no answer that can be passed on",
        }
    }
}

impl fmt::Display for ForwardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

impl Error for ForwardError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The usual rules, but for requests that their clients have not finished.
#[derive(Debug, Default)]
pub(crate) struct Judge(DefaultClassifier);

impl Classify for Judge {
    fn head(&self, head: &ResponseHead<'_>) -> Verdict {
        self.0.head(head)
    }

    fn trailers(&self, trailers: Option<&HeaderMap>) -> Outcome {
        self.0.trailers(trailers)
    }

    fn error(&self, error: &CallError<'_>) -> Outcome {
        match error.find::<ForwardError>() {
            Some(error) if error.is_the_clients() => Outcome::Ignored,
            _ => Outcome::Failure,
        }
    }
}
