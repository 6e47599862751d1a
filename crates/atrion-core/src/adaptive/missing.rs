// SPDX-License-Identifier: Apache-2.0

use super::window::real;
use super::{Tick, Window};

/// Answers that should have come and did not (`docs/physics.md` section 3.4).
///
/// Where a callee has gone silent nobody knows whether a call that was given up has left it: until somebody answers, its
/// slot is taken. Otherwise every timeout would send the next call after it into the same hole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Missing(f64);

impl Missing {
    /// `throughput` is X, `base` is L0: what is in flight should be answered no slower than by Little's law, and no
    /// faster than ever.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, throughput: f64, base: f64) {
        // A refusal that takes no longer than an answer is one.
        let failed = real(window.failed);
        let refused = failed > 0.0 && window.failures.held <= 2.0 * base * failed;
        if window.samples() > 0 || refused || base <= 0.0 {
            self.0 = 0.0;
        } else {
            self.0 += tick.seconds * throughput.min(window.mean_in_flight / base);
        }
    }

    /// More are missing than chance explains.
    #[must_use]
    pub fn is_silence(self) -> bool {
        self.0 > BY_CHANCE
    }
}

/// That none comes where so many are expected is chance once in e^20 times.
const BY_CHANCE: f64 = 20.0;
