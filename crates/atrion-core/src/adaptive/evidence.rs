// SPDX-License-Identifier: Apache-2.0
//! Evidence: how much a node has lately seen of a route. It does not know whether that was good.

use core::time::Duration;

use super::Tick;
use super::window::real;
use crate::Evidence;

/// The completions of about the last ten seconds: the evidence that stands behind a node's scar.
///
/// A fleet weighs scars by it. It saturates, so that volume cannot dominate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct RecentCompletions(f64);

impl RecentCompletions {
    pub(super) fn step(&mut self, tick: &Tick, completions: u64) {
        self.0 = self.0 * tick.keep_10s + real(completions);
    }

    /// `n / (n + 20)`, after a further time without completions.
    pub(super) fn evidence_after(&self, idle: Duration) -> Evidence {
        let left = if idle.is_zero() { self.0 } else { self.0 * libm::exp(-idle.as_secs_f64() / 10.0) };
        Evidence::saturating(left / (left + 20.0))
    }
}
