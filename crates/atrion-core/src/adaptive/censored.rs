// SPDX-License-Identifier: Apache-2.0
//! Censored answers (`manual/physics.md` section 3.3): calls whose callers left before the end.

use super::window::real;
use super::{Tick, Window};

/// The smoothed share of calls whose client has left at the SLO, of those and the answered, 0..=1.
///
/// What they would have taken is not known, but that it is more than the SLO. Those that were
/// answered are the ones that did not wait for long, whatever the crowd was: their latencies say
/// that it makes no difference, also before the longest queue.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Censored(f64);

impl Censored {
    pub(super) fn step(&mut self, tick: &Tick, window: &Window) {
        let given_up = real(window.given_up);
        let all = given_up + real(window.samples());
        if all > 0.0 {
            self.0 += (given_up / all - self.0) * tick.gain_1s.min(all / EVIDENCE);
        }
    }

    /// How far what was answered can stand for all, 0..=1.
    pub(super) fn trust(self) -> f64 {
        (1.0 - self.0 / TOO_MANY).max(0.0)
    }
}

/// One call moves the share by no more than one part in so many.
const EVIDENCE: f64 = 20.0;

/// With this share the answered say nothing of the crowd.
const TOO_MANY: f64 = 0.1;
