// SPDX-License-Identifier: Apache-2.0
//! Censored answers: where clients leave at the SLO, those that were answered do not stand for all.

use std::time::Duration;

use atrion_core::adaptive::Pairs;
use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Window};

use crate::support::given::{after, healthy, settled};

/// A crowd whose answers all take as long, whatever the crowd was.
fn flat(given_up: u64) -> Window {
    let pairs = (0..40).fold(Pairs::default(), |pairs, i| pairs.with(f64::from(i % 8) + 5.0, 0.29));
    Window { mean_in_flight: 60.0, pairs, left: given_up, given_up, ..healthy(100.0, 0.29) }
}

#[test]
fn a_baseline_does_not_rise_to_what_the_patient_of_a_queue_have_waited() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(300)), ..AdaptiveConfig::default() };
    let health = settled(&config);
    let base = health.baseline().unwrap();
    let all_wait = after(health, 50, &flat(0), &config);
    assert!(all_wait.baseline().unwrap() > 1.5 * base, "free workers, and a service that is slower");
    let some_leave = after(health, 50, &flat(5), &config);
    assert!(some_leave.baseline().unwrap() < 1.2 * base, "{:?}", some_leave.baseline());
}

#[test]
fn a_fresh_route_learns_also_where_nobody_waits_for_an_answer() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(300)), ..AdaptiveConfig::default() };
    let in_vain = Window {
        admitted: 30,
        mean_in_flight: 100.0,
        in_flight: 100,
        left: 30,
        given_up: 30,
        ..Window::default()
    };
    let state = after(AdaptiveState::default(), config.bootstrap_ticks as usize, &in_vain, &config);
    assert_eq!(state.mode(), Mode::Operational);
    assert!(state.law(None, &config).target <= config.min_target, "{:?}", state.law(None, &config));
}

#[test]
fn a_client_that_leaves_now_and_then_changes_nothing() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(300)), ..AdaptiveConfig::default() };
    let mut state = settled(&config);
    for tick in 0..50 {
        state = after(state, 1, &flat(u64::from(tick % 25 == 0)), &config);
    }
    assert!(state.baseline().unwrap() > 0.15, "{:?}", state.baseline());
}
