// SPDX-License-Identifier: Apache-2.0
//! Which admissions a tick's failures belong to (`docs/physics.md` section 3.4).

use super::Tick;
use super::window::real;

/// The admissions of the latest ticks, and how long a refusal takes.
///
/// A dependency that takes its time to refuse answers in a later tick than it was asked. Compared with the admissions
/// of its own tick such a failure has no cause.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Admissions {
    /// By tick; single precision, for it is only noise that they are asked for.
    ticks: [f32; TICKS],
    latest: u8,
    /// Mean time from admission to failure, in seconds.
    delay: f64,
}

impl Admissions {
    /// Takes this tick's admissions in and gives back those that its failures belong to. `held` is the sum of the times
    /// that the failed calls took, `base` is L0.
    pub(super) fn step(&mut self, tick: &Tick, admitted: u64, failed: u64, held: f64, base: f64) -> f64 {
        self.latest = self.latest.wrapping_add(1) % TICKS as u8;
        self.ticks[usize::from(self.latest)] = real(admitted) as f32;
        if failed > 0 {
            let failed = real(failed);
            self.delay += (held / failed - self.delay) * (failed / 20.0).min(0.2);
        }
        let ticks = self.delay / tick.seconds;
        // What takes far longer than an answer hangs: its end says nothing about what let it in.
        if ticks < 1.0 || self.delay > 2.0 * base {
            return real(admitted);
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
