// SPDX-License-Identifier: Apache-2.0

use core::time::Duration;

use super::Tick;
use super::window::real;

/// How much own evidence stands behind a node's scar: completions of about the last ten seconds.
///
/// A fleet weighs scars by it. It saturates, so that volume cannot dominate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Evidence(f64);

impl Evidence {
    pub(super) fn step(&mut self, tick: &Tick, completions: u64) {
        self.0 = self.0 * tick.keep_10s + real(completions);
    }

    /// `n / (n + 20)`, 0..1.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight_after(Duration::ZERO)
    }

    /// The weight after a further time without completions.
    #[must_use]
    pub fn weight_after(&self, idle: Duration) -> f64 {
        let left = if idle.is_zero() { self.0 } else { self.0 * libm::exp(-idle.as_secs_f64() / 10.0) };
        left / (left + 20.0)
    }
}
