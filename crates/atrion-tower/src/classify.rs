// SPDX-License-Identifier: Apache-2.0
//! What a response or an error says about the health of the callee.

use std::any::Any;
use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;

use atrion_core::Outcome;
use http::{HeaderMap, StatusCode};

use crate::call::Refused;
use crate::grpc;
use crate::head::ResponseHead;
use crate::header;

/// What the head of a response decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the head says it, or the end does
pub enum Verdict {
    /// The outcome.
    Known(Outcome),
    /// Nothing yet: the trailers decide.
    AtEnd,
}

/// Tells successes from failures. Runs on every response and must not block.
pub trait Classify: Send + Sync {
    /// Judges the head of a response.
    fn head(&self, head: &ResponseHead<'_>) -> Verdict;

    /// Judges the end of a response whose head gave [`Verdict::AtEnd`]. `None`: it had no trailers.
    fn trailers(&self, trailers: Option<&HeaderMap>) -> Outcome;

    /// Judges an error in place of a response. A failure by default.
    fn error(&self, error: &CallError<'_>) -> Outcome {
        let _ = error;
        Outcome::Failure
    }

    /// Judges a response whose body broke off with an error. A failure by default.
    fn broken_body(&self) -> Outcome {
        Outcome::Failure
    }
}

/// An error of a service, of any type.
#[derive(Debug, Clone, Copy)]
pub struct CallError<'a>(&'a dyn Any);

impl<'a> CallError<'a> {
    /// Wraps `error`.
    pub fn new<E: 'static>(error: &'a E) -> Self {
        Self(error)
    }

    /// Finds a `T`: the error itself, or in the chain of causes of a boxed error.
    #[must_use]
    pub fn find<T: Error + 'static>(&self) -> Option<&'a T> {
        if let Some(error) = self.0.downcast_ref::<T>() {
            return Some(error);
        }
        let shared = || Some(&**self.0.downcast_ref::<Box<dyn Error + Send>>()? as &(dyn Error + 'static));
        let boxed = self.0.downcast_ref::<Box<dyn Error + Send + Sync>>();
        let mut error = boxed.map(|error| &**error as &(dyn Error + 'static)).or_else(shared)?;
        loop {
            match error.downcast_ref::<T>() {
                Some(found) => return Some(found),
                None => error = error.source()?,
            }
        }
    }
}

/// The usual rules, for servers and clients alike.
///
/// | answer | outcome |
/// |---|---|
/// | 1xx, 2xx, 3xx | success |
/// | 408: a timeout layer gave up | failure |
/// | other 4xx, also 429: the client's fault, or its quota | ignored |
/// | 501, 505: the service cannot do this at all, sick or not | ignored |
/// | other 5xx | failure |
/// | gRPC `OK` | success |
/// | gRPC `UNKNOWN`, `DEADLINE_EXCEEDED`, `RESOURCE_EXHAUSTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | failure |
/// | other gRPC codes | ignored |
/// | a gRPC response without a status | failure |
/// | an error in place of a response, a timeout for example | failure |
/// | a refusal of an Atrion further down (`x-atrion-shed`, [`Refused`]) | failure |
///
/// The last line is a choice. A callee that sheds has less room than it is asked for, and this is
/// the place to ask less. Failures that do not grow with admissions make no debt, and the breaker
/// opens only if nothing at all succeeds any more, so a callee that sheds only its bulk traffic
/// costs other traffic nothing.
#[derive(Debug, Clone)]
#[must_use]
pub struct DefaultClassifier {
    exceptions: Vec<(StatusCode, Outcome)>,
    callee_shed: Outcome,
}

impl DefaultClassifier {
    /// Makes the rules of the table.
    pub const fn new() -> Self {
        Self { exceptions: Vec::new(), callee_shed: Outcome::Failure }
    }

    /// Sets the outcome of a status. The latest one for a status holds.
    pub fn status(mut self, status: StatusCode, outcome: Outcome) -> Self {
        self.exceptions.retain(|(known, _)| *known != status);
        self.exceptions.push((status, outcome));
        self
    }

    /// Sets the outcome of a refusal by an Atrion further down.
    pub const fn callee_shed(mut self, outcome: Outcome) -> Self {
        self.callee_shed = outcome;
        self
    }

    fn by_status(&self, status: StatusCode) -> Outcome {
        if let Some((_, outcome)) = self.exceptions.iter().find(|(known, _)| *known == status) {
            return *outcome;
        }
        match status.as_u16() {
            ..=399 => Outcome::Success,
            408 => Outcome::Failure,
            ..=499 | 501 | 505 => Outcome::Ignored,
            _ => Outcome::Failure,
        }
    }
}

impl Default for DefaultClassifier {
    fn default() -> Self {
        Self::new()
    }
}

/// The classifier of a layer. The default is the same for all, so that a request of a layer which
/// has no other counts no references to it.
#[derive(Clone, Default)]
pub(crate) enum Classifier {
    #[default]
    Default,
    Own(Arc<dyn Classify>),
}

static DEFAULT: DefaultClassifier = DefaultClassifier::new();

impl Deref for Classifier {
    type Target = dyn Classify;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Default => &DEFAULT,
            Self::Own(classify) => &**classify,
        }
    }
}

impl Classify for DefaultClassifier {
    fn head(&self, head: &ResponseHead<'_>) -> Verdict {
        if head.headers.contains_key(header::SHED) {
            return Verdict::Known(self.callee_shed);
        }
        if head.status == StatusCode::OK && grpc::is_grpc(head.headers) {
            return match head.headers.get(header::GRPC_STATUS) {
                Some(status) => Verdict::Known(grpc::outcome(status)),
                None => Verdict::AtEnd,
            };
        }
        Verdict::Known(self.by_status(head.status))
    }

    fn trailers(&self, trailers: Option<&HeaderMap>) -> Outcome {
        let Some(trailers) = trailers else { return Outcome::Failure };
        if trailers.contains_key(header::SHED) {
            return self.callee_shed;
        }
        trailers.get(header::GRPC_STATUS).map_or(Outcome::Failure, grpc::outcome)
    }

    fn error(&self, error: &CallError<'_>) -> Outcome {
        if error.find::<Refused>().is_some() { self.callee_shed } else { Outcome::Failure }
    }
}
