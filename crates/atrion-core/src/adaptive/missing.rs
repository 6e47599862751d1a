// SPDX-License-Identifier: Apache-2.0
//! Missing answers (`manual/physics.md` sections 3.3 and 3.4).

use super::window::real;
use super::{Tick, Window};

/// Answers that should have come and did not.
///
/// While a callee is silent it is unknown whether a call that was given up has left the callee:
/// until an answer comes, the call's slot is taken. Otherwise every timeout would send the next
/// call into the same hole.
///
/// When the callee answers again, the calls in flight have waited for the end of the silence and
/// not for the crowd: the first to come has waited longest, with the smallest crowd around it. Such
/// answers teach nothing about the latency or the crowd.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Missing {
    /// Answers that are expected since the latest one.
    answers: f64,
    /// Calls that were in flight when the latest silence ended, and have not come back.
    delayed: f64,
    /// It was no silence of the callee: this process stood still.
    by_absence: bool,
}

/// What the answers of a window had to wait for, beside the callee's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delay {
    None,
    /// The callee was silent: how long they took says something of now, and nothing of a crowd.
    Silence,
    /// This process stood still: how long they took says nothing.
    Absence,
}

impl Missing {
    /// The answers of this window had to wait for a silence, or for a process that stood still.
    /// Called before anything learns from it.
    pub(super) fn delays(&mut self, tick: &Tick, window: &Window) -> Delay {
        let (completed, in_flight) = (window.completed_work(), real(window.in_flight));
        let was_away = window.absent > 0.0;
        if was_away || self.answers > A_PAUSE && window.answers() > 0 {
            // A call that waited for this process to come back goes on to say nothing.
            self.by_absence = was_away || (self.by_absence && self.delayed > 0.0);
            self.delayed = self.delayed.max(in_flight + completed);
        }
        let delay = match (self.delayed > 0.0, self.by_absence) {
            (false, _) => Delay::None,
            (true, false) => Delay::Silence,
            (true, true) => Delay::Absence,
        };
        // A cancelled call is in flight no more; a call that never comes back is forgotten, which
        // takes time that is counted in.
        let keep = if was_away { 1.0 } else { tick.keep_5s };
        self.delayed = (self.delayed * keep - completed).clamp(0.0, in_flight);
        delay
    }

    /// `throughput` is X, `base` is L0: the calls in flight should be answered no slower than by
    /// Little's law, and no faster than ever.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, throughput: f64, base: f64) {
        // A refusal that takes no longer than an answer is an answer.
        let failed = real(window.failed);
        let refused = failed > 0.0 && window.failures.held <= 2.0 * base * failed;
        if window.answers() > 0 || refused || base <= 0.0 {
            self.answers = 0.0;
        } else {
            let counted = (tick.seconds - window.absent).max(0.0);
            self.answers += counted * throughput.min(window.mean_in_flight / base);
        }
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.answers *= by;
        self.delayed *= by;
    }

    /// More are missing than chance explains.
    pub(super) fn is_silence(self) -> bool {
        self.answers > BY_CHANCE
    }
}

/// Expected answers: that none of them comes is chance once in e^20 times.
const BY_CHANCE: f64 = 20.0;

/// Expected answers: chance once in 150 times, because a pause puts less in doubt than a silence.
const A_PAUSE: f64 = 5.0;
