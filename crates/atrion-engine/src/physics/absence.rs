// SPDX-License-Identifier: Apache-2.0
//! What the pulse's own absences add to silence and to ages, to be taken off again.
//!
//! While a process stands still, or its threads are blocked, no answer can be counted: that is no
//! silence of the callee.

use std::time::Duration;

use atrion_core::Mono;

/// Absences as one route has seen them.
#[derive(Debug, Default)]
pub(super) struct Absences {
    /// Absences since the latest answer.
    silent: Duration,
    answered: Mono,
    /// Calls in flight that have been so through an absence.
    calls: i64,
    /// The sum of what their ages owe to absences, in nanoseconds.
    aged: i64,
}

impl Absences {
    /// The end of a window: `ended` calls have ended in it, the latest answer was at `answered`,
    /// and the pulse was away for the `absent` time right before `now`, with `in_flight` calls
    /// before.
    pub(super) fn step(&mut self, absent: Duration, in_flight: i64, ended: i64, answered: Mono, now: Mono) {
        if answered != self.answered {
            (self.answered, self.silent) = (answered, Duration::ZERO);
        }
        self.silent += absent.min(now.since(answered));
        if !absent.is_zero() {
            let absent = i64::try_from(absent.as_nanos()).unwrap_or(i64::MAX);
            self.calls = in_flight.max(0);
            self.aged = self.aged.saturating_add(absent.saturating_mul(self.calls));
        }
        // Those that were there first are the first to end.
        let left = self.calls.saturating_sub(ended).max(0);
        if left < self.calls {
            self.aged = (self.aged as f64 * (left as f64 / self.calls as f64)) as i64;
            self.calls = left;
        }
    }

    /// What to take off the silence, in seconds.
    pub(super) fn of_silence(&self) -> f64 {
        self.silent.as_secs_f64()
    }

    /// What to take off the sum of the ages, in nanoseconds.
    pub(super) fn of_ages(&self) -> i64 {
        self.aged
    }
}
