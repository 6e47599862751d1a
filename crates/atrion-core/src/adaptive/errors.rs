// SPDX-License-Identifier: Apache-2.0
//! The error share (`manual/physics.md` section 3.5): how many calls fail just now.

use super::window::real;
use super::{Tick, Window};

/// The smoothed share e of failed calls, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct ErrorShare(f64);

impl ErrorShare {
    /// Moves with time where there is plenty of evidence (0.3 s) and per sample where there is
    /// little (20 judged completions): a quiet route is judged later, never harder. Silence halves
    /// it every 1.4 s.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window) {
        let judged = window.succeeded.saturating_add(window.failed);
        if judged == 0 {
            self.0 *= tick.keep_error;
            return;
        }
        let evidence = real(window.judged()) / 20.0;
        let gain = if evidence < tick.error_weight { 1.0 - libm::exp(-evidence) } else { tick.gain_error };
        let share = real(window.failed) / real(judged);
        self.0 += gain * (share - self.0);
    }

    /// e, 0..=1.
    pub(super) const fn get(&self) -> f64 {
        self.0
    }
}
