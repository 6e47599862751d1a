// SPDX-License-Identifier: Apache-2.0
//! Answers to overtaken calls (`manual/physics.md` section 3.3): how much they say of the latency.

use super::Window;
use super::window::{real, sane};

/// The smoothed share of answers to overtaken calls, 0..=1.
///
/// An overtaken call has waited for something else than the usual work, or is of a kind that takes
/// longer than the others. Only the share of such answers tells the two apart. By Little's law each
/// has been in the crowd for one patience. But many may end at once that have come one by one (long
/// polls that hear the same news, clients behind a proxy that restarts), so what one window has of
/// them says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Aged(f64);

impl Aged {
    /// The window with the part that overtaken calls have in its latency. `patience` is the age in
    /// seconds at which a call is overtaken, 0 while unknown.
    pub(super) fn step(&mut self, window: &Window, patience: f64) -> Window {
        let (usual, aged) = (real(window.samples()), real(window.answered_overtaken));
        if self.0 <= 0.0 && aged <= 0.0 {
            return *window;
        }
        // Beyond one more than twice what is to be expected they have ended together, which is one
        // piece of evidence.
        let together = aged.min(1.0 + 2.0 * self.0 * usual);
        let all = usual + together;
        if all > 0.0 {
            self.0 += (together / all - self.0) * (all / EVIDENCE).min(1.0);
        }
        if self.0 < FORGOTTEN {
            self.0 = 0.0;
        }
        let beyond = self.0 * (patience * usual - window.latency_sum).max(0.0);
        Window { latency_sum: sane(window.latency_sum + beyond), ..*window }
    }
}

/// The share is the mean over about so many answers.
const EVIDENCE: f64 = 50.0;

/// A smaller share is none.
const FORGOTTEN: f64 = 1e-3;
