// SPDX-License-Identifier: Apache-2.0
//! The crowd that was worked off (`manual/physics.md` section 3.3).

use super::window::real;
use super::{Tick, Window};

/// C, the largest crowd of about the last five minutes that the route has worked off, in requests.
///
/// How large a healthy crowd becomes depends on the number of workers, on how service times spread
/// and on how requests come, and none of these is known. But a crowd that was there and is gone
/// was no overload, so the next one of its size is none either. A crowd that stays teaches nothing,
/// nor does one that was let in while more came than was worked off.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct WorkedOff {
    /// The largest since the crowd was last an ordinary one.
    peak: f64,
    /// More came than was worked off since then.
    is_of_overload: bool,
    largest: f64,
}

impl WorkedOff {
    /// `ordinary` is the crowd up to which nothing needs to be worked off, in requests.
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        window: &Window,
        ordinary: f64,
        idle: bool,
        is_overload: bool,
    ) {
        self.largest *= tick.keep_5min;
        self.is_of_overload |= is_overload;
        // What was overtaken is in the crowd no more, and was not worked off.
        let overtaken: u32 = window.newly_overtaken.iter().fold(0, |sum, calls| sum.saturating_add(*calls));
        self.peak = (self.peak - f64::from(overtaken)).max(0.0);
        let crowd = window.mean_in_flight.max(real(window.in_flight)).max(tip(window));
        let is_gone = idle || crowd <= ordinary;
        if idle || !is_gone {
            self.peak = self.peak.max(crowd);
        }
        if is_gone {
            if !self.is_of_overload {
                self.largest = self.largest.max(self.peak);
            }
            self.peak = 0.0;
            self.is_of_overload = false;
        }
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.peak *= by;
        self.largest *= by;
    }

    /// C, in requests.
    pub(super) const fn get(&self) -> f64 {
        self.largest
    }
}

/// The top of a burst that came and went inside the window. A burst that finds an empty service
/// sees every count up to its size once, and `mean + sqrt(3) sd` of these is its size.
fn tip(window: &Window) -> f64 {
    let pairs = &window.pairs;
    if pairs.count <= 0.0 {
        return 0.0;
    }
    let mean = pairs.x / pairs.count;
    mean + libm::sqrt(3.0 * (pairs.xx / pairs.count - mean * mean).max(0.0))
}
