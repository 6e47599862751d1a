// SPDX-License-Identifier: Apache-2.0
//! The dead rule (`manual/physics.md` section 3.5): when to open the breaker without waiting for a
//! tick.

use core::time::Duration;

use super::AdaptiveConfig;
use crate::Mode;

/// Calls a route dead after a run of failures and a time without a success. A late completion is a
/// failure here: where only late answers come, no call is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadRule {
    /// Failures and late completions in a row; [`u32::MAX`] switches the rule off.
    pub after: u32,
    /// Time without a success.
    pub silence: Duration,
}

impl DeadRule {
    /// The rule that never holds.
    pub const OFF: Self = Self { after: u32::MAX, silence: Duration::MAX };

    /// The rule as configured.
    #[must_use]
    pub fn of(config: &AdaptiveConfig) -> Self {
        if !config.laws.dead {
            return Self::OFF;
        }
        let silence = Duration::try_from_secs_f64(config.dead_silence).unwrap_or(Duration::MAX);
        Self { after: config.dead_after, silence }
    }

    /// Evaluated on every failure and every tick. A route that is still learning is never called
    /// dead.
    #[must_use]
    pub fn holds(&self, mode: Mode, run: u32, since_success: Duration) -> bool {
        mode == Mode::Operational && run >= self.after && run != u32::MAX && since_success >= self.silence
    }
}
