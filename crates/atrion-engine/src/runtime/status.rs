// SPDX-License-Identifier: Apache-2.0
//! What the driver and its instance say to each other.

use atrion_core::Mono;

/// How the driver is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Write everything out first.
    Orderly,
    /// Nothing is left that could wait.
    AtOnce,
}

/// What the driver says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) degraded: bool,
    /// Since when there has been something that the store has not taken.
    pub(crate) behind_since: Option<Mono>,
    pub(crate) stopped: bool,
}
