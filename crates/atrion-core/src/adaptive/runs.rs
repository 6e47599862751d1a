// SPDX-License-Identifier: Apache-2.0
//! Runs of failures (`manual/physics.md` section 3.5): how long they are by chance.

use super::Window;
use super::window::real;

/// How many calls fail, are late or are given up between two successes, in the mean.
///
/// Where most calls end so in ordinary times, because one client leaves all of its own, a long run
/// is no outage. If every call ends so independently with the same odds, runs are geometric: one
/// that is ten times as long as the mean happens once in e^10.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Runs {
    mean: f64,
    /// Of the run that has not ended yet.
    latest: f64,
}

impl Runs {
    pub(super) fn step(&mut self, window: &Window) {
        let good = real(window.succeeded);
        self.latest += real(window.failed) + real(window.late) + real(window.given_up);
        if good > 0.0 {
            self.mean += (self.latest / good - self.mean) * (good / EVIDENCE).min(1.0);
            self.latest = 0.0;
        }
    }

    /// The run under way is an outage.
    pub(super) fn forget_the_latest(&mut self) {
        self.latest = 0.0;
    }

    /// Failures in a row that chance explains.
    pub(super) fn by_chance(self) -> u32 {
        (LONGEST * self.mean) as u32
    }
}

/// The mean is over about so many successes.
const EVIDENCE: f64 = 20.0;

/// In means, a run that chance does not explain.
const LONGEST: f64 = 10.0;
