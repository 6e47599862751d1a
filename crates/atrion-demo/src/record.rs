// SPDX-License-Identifier: Apache-2.0
//! The outcome of one request, with all its attempts.

use std::time::Duration;

use super::plan::Phase;
use super::tier::Tier;
use super::traffic::Arrival;

#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Scheduled arrival, from the start of the run.
    pub(crate) at: Duration,
    pub(crate) phase: Phase,
    pub(crate) tier: Tier,
    /// Whether a perfect guard could have served it.
    pub(crate) servable: bool,
    /// The outcome of the last attempt.
    pub(crate) outcome: Outcome,
    /// From the scheduled arrival to the outcome, with all attempts and pauses.
    pub(crate) latency: Duration,
    pub(crate) attempts: u32,
    /// Attempts that the guard refused.
    pub(crate) refusals: u32,
    /// How late the generator sent the first attempt.
    pub(crate) lag: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A success within the deadline.
    Served,
    /// Refused by the guard.
    Refused,
    /// The backend answered with a status other than success.
    Failed,
    TimedOut,
    /// No connection, or a broken one.
    Broken,
}

impl Record {
    /// The record of a request that is about to be sent.
    pub(crate) fn new(arrival: &Arrival, lag: Duration) -> Self {
        Self {
            at: arrival.at,
            phase: arrival.phase,
            tier: arrival.tier,
            servable: arrival.servable,
            outcome: Outcome::Broken,
            latency: Duration::ZERO,
            attempts: 0,
            refusals: 0,
            lag,
        }
    }

    pub(crate) fn served(&self) -> bool {
        self.outcome == Outcome::Served
    }
}
