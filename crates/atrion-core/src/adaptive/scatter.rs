// SPDX-License-Identifier: Apache-2.0
//! How arrivals scatter (`manual/physics.md` section 3.3).

use super::{Tick, Window};

/// I, the index of dispersion of what comes in a tick: 1 for requests that come one by one, b and
/// more where they come b at a time.
///
/// Measured between neighbouring ticks, so that a rate that changes slowly counts for nothing; and
/// one tick says at most four times what was expected, so that a jump of the rate counts for
/// little, and what comes again and again is learned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Scatter {
    last: f64,
    squares: f64,
    sum: f64,
}

impl Scatter {
    pub(super) fn step(&mut self, tick: &Tick, window: &Window) {
        let came = window.admitted_work() + window.refused_work();
        let (both, change) = (came + self.last, came - self.last);
        let most = MOST * self.get() * both.max(1.0);
        self.squares = self.squares * tick.keep_10s + (change * change).min(most);
        self.sum = self.sum * tick.keep_10s + both;
        self.last = came;
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.last *= by;
        self.sum *= by;
        self.squares *= by * by;
    }

    /// I, 1 or more.
    pub(super) fn get(&self) -> f64 {
        ((self.squares + UNSEEN) / (self.sum + UNSEEN)).max(1.0)
    }
}

/// What one tick may say, over what is expected of it.
const MOST: f64 = 4.0;

/// Requests, not seen, that came one by one.
const UNSEEN: f64 = 20.0;
