// SPDX-License-Identifier: Apache-2.0
//! An outage, for people.

use std::time::Duration;

/// What is known of an outage while the breaker is open, as of the last tick. The error share says
/// nothing of it: most calls are refused, and a probe now and then is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Outage {
    /// How long the breaker has been open. Written in seconds.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::snapshot::written::span"))]
    pub lasted: Duration,
    /// Failed or late calls since the latest answer in time, also those from before the opening.
    pub failures_in_a_row: u32,
    /// Requests that passed as probes since the opening.
    pub probes: u64,
    /// Those of them that have failed so far, or came late; the others are under way or say
    /// nothing.
    pub probes_failed: u64,
}
