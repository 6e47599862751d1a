// SPDX-License-Identifier: Apache-2.0
//! Staleness: requests are in flight and nothing comes back.

use std::time::Duration;

use atrion_core::adaptive::staleness;
use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Window};

use crate::support::given::{after, settled};

fn hung(seconds: f64) -> Window {
    Window { in_flight: 3, since_completion: seconds, mean_age: seconds, ..Window::default() }
}

#[test]
fn it_grows_by_ten_ohms_per_patience() {
    let config = AdaptiveConfig::default();
    for (patiences, ohms) in [(0.5, 0.0), (1.0, 0.0), (2.0, 10.0), (5.5, 45.0), (10.0, 90.0), (1e9, 90.0)] {
        let term = staleness(&hung(0.2 * patiences), 0.2, &config);
        assert!((term - ohms).abs() < 1e-9, "{term} after {patiences} patiences");
    }
}

#[test]
fn the_younger_of_silence_and_age_counts() {
    let config = AdaptiveConfig::default();
    let young = Window { mean_age: 0.1, ..hung(30.0) };
    assert_eq!(staleness(&young, 0.2, &config), 0.0, "calls that have just started hang nowhere");
    let answered = Window { since_completion: 0.1, ..hung(30.0) };
    assert_eq!(staleness(&answered, 0.2, &config), 0.0, "somebody gets answers");
}

#[test]
fn nothing_in_flight_or_no_idea_of_a_latency_is_not_stale() {
    let config = AdaptiveConfig::default();
    assert_eq!(staleness(&Window { in_flight: 0, ..hung(30.0) }, 0.2, &config), 0.0);
    assert_eq!(staleness(&hung(30.0), 0.0, &config), 0.0);
}

#[test]
fn a_configuration_that_was_never_checked_does_not_panic() {
    let config = AdaptiveConfig { break_at: -5.0, ..AdaptiveConfig::default() };
    assert_eq!(staleness(&hung(30.0), 0.2, &config), 0.0);
    let config = AdaptiveConfig { break_at: f64::NAN, ..AdaptiveConfig::default() };
    assert!(staleness(&hung(30.0), 0.2, &config).is_finite());
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

/// A route of microseconds: a pause of the whole process is not its callee's.
#[test]
fn patience_is_never_shorter_than_a_tenth_of_a_second() {
    let config = AdaptiveConfig::default();
    let quick = after(AdaptiveState::default(), 200, &crate::support::given::healthy(1_000.0, 1e-5), &config);
    let term = |seconds| after(quick, 1, &hung(seconds), &config).terms(None, &config).staleness.get();
    assert_eq!(term(0.1), 0.0);
    assert!((term(0.2) - 10.0).abs() < 1e-9, "{}", term(0.2));
}
