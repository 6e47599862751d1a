// SPDX-License-Identifier: Apache-2.0

use super::Tick;
use super::window::real;

/// How much own evidence stands behind a node's scar: completions of about the last ten seconds.
///
/// A fleet weighs scars by it. It saturates, so that volume cannot dominate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence(f64);

impl Evidence {
    pub(super) fn step(&mut self, tick: &Tick, completions: u64) {
        self.0 = self.0 * tick.keep_10s + real(completions);
    }

    /// `n / (n + 20)`, 0..1.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.0 / (self.0 + 20.0)
    }
}
