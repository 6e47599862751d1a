// SPDX-License-Identifier: Apache-2.0
//! Staleness (`manual/physics.md` section 3.5): calls that do not come back raise R.

use super::{AdaptiveConfig, Window};

/// Staleness U, in ohms: requests are in flight and nothing comes back.
///
/// `10 max(0, min(silence, mean age of in-flight) / L_max - 1)`, at most `R_break - R_base`, so
/// that hung calls alone open the breaker after ten times `L_max`, the longest patience in seconds.
/// Without any idea of a latency there is no staleness.
pub(super) fn staleness(window: &Window, longest_patience: Option<f64>, config: &AdaptiveConfig) -> f64 {
    let Some(longest_patience) = longest_patience else { return 0.0 };
    if !config.laws.staleness || window.in_flight == 0 {
        return 0.0;
    }
    let stuck = window.since_completion.min(window.mean_age);
    (10.0 * (stuck / longest_patience - 1.0)).min(config.break_at - config.base).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hung(seconds: f64) -> Window {
        Window { in_flight: 3, since_completion: seconds, mean_age: seconds, ..Window::default() }
    }

    #[test]
    fn it_grows_by_ten_ohms_per_patience() {
        let config = AdaptiveConfig::default();
        for (patiences, ohms) in [(0.5, 0.0), (1.0, 0.0), (2.0, 10.0), (5.5, 45.0), (10.0, 90.0), (1e9, 90.0)]
        {
            let term = staleness(&hung(0.2 * patiences), Some(0.2), &config);
            assert!((term - ohms).abs() < 1e-9, "{term} after {patiences} patiences");
        }
    }

    #[test]
    fn the_younger_of_silence_and_age_counts() {
        let config = AdaptiveConfig::default();
        let young = Window { mean_age: 0.1, ..hung(30.0) };
        assert_eq!(staleness(&young, Some(0.2), &config), 0.0, "calls that have just started do not hang");
        let answered = Window { since_completion: 0.1, ..hung(30.0) };
        assert_eq!(staleness(&answered, Some(0.2), &config), 0.0, "answers come");
    }

    #[test]
    fn nothing_in_flight_or_no_idea_of_a_latency_is_not_stale() {
        let config = AdaptiveConfig::default();
        assert_eq!(staleness(&Window { in_flight: 0, ..hung(30.0) }, Some(0.2), &config), 0.0);
        assert_eq!(staleness(&hung(30.0), None, &config), 0.0);
    }

    #[test]
    fn a_configuration_that_was_never_checked_does_not_panic() {
        let config = AdaptiveConfig { break_at: -5.0, ..AdaptiveConfig::default() };
        assert_eq!(staleness(&hung(30.0), Some(0.2), &config), 0.0);
        let config = AdaptiveConfig { break_at: f64::NAN, ..AdaptiveConfig::default() };
        assert!(staleness(&hung(30.0), Some(0.2), &config).is_finite());
    }
}
