// SPDX-License-Identifier: Apache-2.0

use super::{AdaptiveConfig, Window};

/// Staleness U (`docs/physics.md` section 3.5), in ohms: requests are in flight and nothing comes back.
///
/// `10 max(0, min(silence, mean age of in-flight) / L_max - 1)`, at most `R_break - R_base`, so that hung calls alone
/// open the breaker after ten times the longest patience. Without any idea of a latency there is no staleness.
#[must_use]
pub fn staleness(window: &Window, longest_patience: f64, config: &AdaptiveConfig) -> f64 {
    if !config.laws.staleness || window.in_flight == 0 || longest_patience <= 0.0 {
        return 0.0;
    }
    let stuck = window.since_completion.min(window.mean_age);
    (10.0 * (stuck / longest_patience - 1.0)).min(config.break_at - config.base).max(0.0)
}
