// SPDX-License-Identifier: Apache-2.0
//! The verdict on a call. The caller gives it.

/// The verdict on a call that was let through.
///
/// Lateness is not a verdict: a success later than the route's SLO counts as late by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the law knows these three; callers map theirs onto them
pub enum Outcome {
    /// The callee did its work.
    Success,
    /// The callee failed: an error that says something about its health.
    Failure,
    /// The callee answered, and the answer says nothing about its health, for example to a bad
    /// request of the client. It is an answer all the same: throughput, a latency, a sign of life,
    /// and no failure.
    Ignored,
}

impl Outcome {
    /// [`Success`](Self::Success) for `Ok`, [`Failure`](Self::Failure) for `Err`.
    pub const fn of<T, E>(result: &Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(_) => Self::Failure,
        }
    }
}
