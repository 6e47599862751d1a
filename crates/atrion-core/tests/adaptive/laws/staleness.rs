// SPDX-License-Identifier: Apache-2.0
//! Staleness: requests are in flight and nothing comes back.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Window};

use crate::support::given::{after, settled};

fn hung(seconds: f64) -> Window {
    Window { in_flight: 3, since_completion: seconds, mean_age: seconds, ..Window::default() }
}

/// Patience is the SLO, or five baselines without one.
#[test]
fn hung_calls_alone_open_the_breaker_after_ten_patiences() {
    for (slo, patience) in [(Some(Duration::from_millis(300)), 0.3), (None, 0.5)] {
        let config = AdaptiveConfig { slo, ..AdaptiveConfig::default() };
        let state = settled(&config);
        let mode = |patiences: f64| after(state, 1, &hung(patience * patiences), &config).mode();
        assert_eq!(mode(9.9), Mode::Operational);
        assert_eq!(mode(10.1), Mode::CircuitBreaker);
    }
}

#[test]
fn a_route_that_learns_is_not_stale() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(300)), ..AdaptiveConfig::default() };
    let state = after(AdaptiveState::default(), 50, &hung(60.0), &config);
    assert_eq!(state.mode(), Mode::Bootstrap);
    assert_eq!(state.terms(None, &config).staleness.get(), 0.0);
}

/// A route of microseconds: a pause of the whole process is not the callee's.
#[test]
fn patience_is_never_shorter_than_a_tenth_of_a_second() {
    let config = AdaptiveConfig::default();
    let quick = after(AdaptiveState::default(), 200, &crate::support::given::healthy(1_000.0, 1e-5), &config);
    let term = |seconds| after(quick, 1, &hung(seconds), &config).terms(None, &config).staleness.get();
    assert_eq!(term(0.1), 0.0);
    assert!((term(0.2) - 10.0).abs() < 1e-9, "{}", term(0.2));
}
