// SPDX-License-Identifier: Apache-2.0
//! Memory of health (`manual/physics.md` section 3.3).

use super::Tick;

/// The in-flight level N0 that was carried
/// without strain.
///
/// N* never falls below 1.2 times this: what worked a moment ago is not given up because a
/// measurement wobbles.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct MemoryOfHealth(f64);

impl MemoryOfHealth {
    /// Called only while the route is operational and not strained.
    pub(super) fn step(&mut self, tick: &Tick, mean_in_flight: f64) {
        self.0 += (mean_in_flight - self.0) * tick.gain_health;
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.0 *= by;
    }

    /// N0, in requests.
    pub(super) const fn get(&self) -> f64 {
        self.0
    }
}
