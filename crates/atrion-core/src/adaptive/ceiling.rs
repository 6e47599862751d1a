// SPDX-License-Identifier: Apache-2.0
//! The ceiling (`manual/physics.md` section 3.3): where a bounded queue is full.
//!
//! A full queue refuses at once, and it refuses at one count: failures begin at that crowd, and
//! nothing succeeds above it. Errors of any other kind have no such edge: they hit calls of every
//! crowd, as wide as the crowd itself moves. A gate that knows the edge can shed the least
//! important before it, instead of leaving the choice to the queue, which does not know tiers.

use super::window::real;
use super::{Tick, Window};

/// The decaying sums of the comparison, and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Ceiling {
    failures: f64,
    /// By how much the crowd at a failure's admission exceeds that at a success's, summed over
    /// failures.
    excess: f64,
    /// Squared distances of the failures' crowds from their window's mean, and the degrees of
    /// freedom behind them.
    squares: f64,
    freedom: f64,
    edge: f64,
    belief: f64,
}

impl Ceiling {
    /// `base` is L0.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, base: f64) {
        let failed = real(window.failed);
        if failed <= 0.0 && self.failures < FORGOTTEN {
            *self = Self::default();
            return;
        }
        // Whatever the number of failures, their lesson is forgotten within half a minute of the
        // last.
        let keep = tick.keep_5s * (MOST / self.failures.max(MOST));
        for sum in [&mut self.failures, &mut self.excess, &mut self.squares, &mut self.freedom] {
            *sum *= keep;
        }
        let answered = window.pairs.count;
        let at_once = window.failures.held <= AT_ONCE * base * failed;
        // Compared inside one window, so that nothing but the crowd differs between the two.
        if failed > 0.0 && answered >= 1.0 && at_once {
            let at_failure = window.failures.x / failed;
            self.failures += failed;
            self.excess += failed * (at_failure - window.pairs.x / answered);
            self.squares += (window.failures.xx - failed * at_failure * at_failure).max(0.0);
            self.freedom += failed - 1.0;
            self.edge += (at_failure - self.edge) * (failed / self.failures).max(1.0 / MOST);
        }
        self.belief = self.judge();
    }

    /// How many of their own deviations the failures' crowd lies above the successes', from 3 to
    /// 3.5. A few failures that were not seen count for no excess and for a deviation of one.
    fn judge(&self) -> f64 {
        let excess = self.excess / (self.failures + UNSEEN);
        let variance = (self.squares + UNSEEN) / (self.freedom + UNSEEN);
        (2.0 * (excess / libm::sqrt(variance) - 3.0)).clamp(0.0, 1.0)
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.edge *= by;
        self.excess *= by;
        self.squares *= by * by;
    }

    /// The crowd at which the queue is full, in requests.
    pub(super) fn edge(&self) -> Option<f64> {
        (self.edge > 0.0).then_some(self.edge)
    }

    /// How far the edge is believed in, 0..=1.
    pub(super) const fn belief(&self) -> f64 {
        self.belief
    }

    /// What has to be taken off a `target`, so that there is room for the more important under the
    /// edge.
    pub(super) fn excess_of(&self, target: f64) -> f64 {
        self.belief * (target - ROOM * self.edge).max(0.0)
    }

    /// k for this N*, at least the `given` one: a wall is nearer than a queue's end, so R rises
    /// faster, to reach the top of the ladder at the wall.
    pub(super) fn gain(&self, target: f64, given: f64) -> f64 {
        if self.belief <= 0.0 || target <= 0.0 {
            return given;
        }
        let distance = (self.edge / target).max(1.0 / ROOM) - 1.0;
        given + self.belief * (TOP / distance - given).max(0.0)
    }
}

/// N* stays under this part of the edge.
const ROOM: f64 = 0.75;

/// `atanh(0.9)`: at so much over N*, in units of N*/k, R is nine tenths of `w` above rest, the
/// middle of critical.
const TOP: f64 = 1.47;

/// A full queue refuses within this part of L0.
const AT_ONCE: f64 = 0.25;

/// Failures, not seen, that speak against an edge.
const UNSEEN: f64 = 5.0;

/// Only about the latest fifty failures count.
const MOST: f64 = 50.0;

/// With less than this left of all failures the sums are reset.
const FORGOTTEN: f64 = 1e-3;
