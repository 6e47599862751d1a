// SPDX-License-Identifier: Apache-2.0
//! Which admissions a tick's failures belong to (`manual/physics.md` section 3.4).

use super::window::real;
use super::{Tick, Window};

/// The admissions of the latest ticks, and how long a refusal takes.
///
/// A slow refusal arrives in a later tick than the one that admitted the call. Compared with the
/// admissions of its own tick such a failure has no cause.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Admissions {
    /// By tick; in single precision, because only their noise matters.
    ticks: [f32; TICKS],
    latest: u8,
    /// Mean time from admission to failure, in seconds.
    delay: f64,
}

impl Admissions {
    /// Takes this tick's admissions in and gives back those that its failures belong to. `base` is
    /// L0.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, base: f64) -> f64 {
        let admitted = real(window.admitted);
        self.latest = self.latest.wrapping_add(1) % TICKS as u8;
        self.ticks[usize::from(self.latest)] = admitted as f32;
        if window.failed > 0 {
            let failed = real(window.failed);
            self.delay += (window.failures.held / failed - self.delay) * (failed / 20.0).min(0.2);
        }
        let ticks = self.delay / tick.seconds;
        // A failure that takes far longer than an answer hung: its end says nothing about the tick
        // that admitted it.
        if ticks < 1.0 || self.delay > 2.0 * base {
            return admitted;
        }
        let ticks = ticks.min(MOST);
        let whole = ticks as usize;
        let part = ticks - whole as f64;
        self.back(whole) * (1.0 - part) + self.back(whole + 1) * part
    }

    /// The admissions of so many ticks ago, at most `TICKS - 1`.
    fn back(&self, ticks: usize) -> f64 {
        f64::from(self.ticks[(usize::from(self.latest) + TICKS - ticks) % TICKS])
    }
}

const TICKS: usize = 16;

/// The longest delay that can be told, in ticks.
const MOST: f64 = (TICKS - 2) as f64;
