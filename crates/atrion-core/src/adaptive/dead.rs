// SPDX-License-Identifier: Apache-2.0
//! The dead rule (`docs/physics.md` section 3.5): when to open the breaker without waiting for a tick.

use super::AdaptiveConfig;
use crate::Mode;

/// Whether a route with `run` failures in a row and no success for `since_success` seconds is dead. Looked at on
/// every failure and every tick; a route that is still learning is never called dead.
#[must_use]
pub fn is_dead(mode: Mode, run: u64, since_success: f64, config: &AdaptiveConfig) -> bool {
    config.laws.dead
        && mode == Mode::Operational
        && run >= u64::from(config.dead_after)
        && since_success >= config.dead_silence
}
