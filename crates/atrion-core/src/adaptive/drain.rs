// SPDX-License-Identifier: Apache-2.0
//! How fast a crowd is worked off (`manual/physics.md` section 3.3).

use super::window::real;
use super::{Tick, Window};

/// P, completions per second while there is a crowd; X where there is none.
///
/// X is held while nothing shows that it has fallen, which is right for what a route can do and
/// too much for what a crowd is promised: after workers are lost, n/X is less than the last of the
/// crowd will wait.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Drain(f64);

impl Drain {
    /// Not called for a tick without time. `throughput` is X, `work` is X L0, the requests in
    /// service at that throughput.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, throughput: f64, work: f64) {
        if self.0 <= 0.0 || window.mean_in_flight <= work {
            self.0 += (throughput - self.0) * tick.gain_500ms;
        } else {
            let gain = tick.gain_of_rate(throughput);
            self.0 += (real(window.completions()) / tick.seconds - self.0) * gain;
        }
    }

    /// P, per second, and not above X.
    pub(super) const fn bounded(&self, throughput: f64) -> f64 {
        self.0.min(throughput)
    }
}
