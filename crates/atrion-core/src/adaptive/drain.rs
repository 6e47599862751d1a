// SPDX-License-Identifier: Apache-2.0
//! How fast a crowd is worked off (`manual/physics.md` section 3.3).

use super::{Tick, Window};

/// P, completions per second while there is a crowd.
///
/// A call that finds n before it is answered when n + 1 calls are worked off, so the sum of n + 1
/// over the sum of latencies is the pace of that queue, however short it was. X is not: it is a
/// mean over time, in which a burst that is gone after a tenth of a second is hardly seen. Where
/// workers are free, latency is the service's own, and P is less than what the route can do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Drain {
    /// Calls, each with what was before it.
    calls: f64,
    /// Seconds that they took.
    seconds: f64,
}

impl Drain {
    pub(super) fn step(&mut self, tick: &Tick, window: &Window) {
        self.calls = self.calls * tick.keep_3s + window.pairs.x + window.pairs.count;
        self.seconds = self.seconds * tick.keep_3s + window.pairs.y;
    }

    /// P, per second. `throughput` is X, which is right where nothing waits, and too much where
    /// calls have become slower: it is held until it is known that it has fallen.
    pub(super) fn pace(&self, throughput: f64, is_slowed: bool) -> f64 {
        let pace = if self.seconds > 0.0 { self.calls / self.seconds } else { throughput };
        if is_slowed { pace } else { pace.max(throughput) }
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.calls *= by;
    }
}
