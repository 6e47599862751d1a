// SPDX-License-Identifier: Apache-2.0
//! Evidence: completions of about the last ten seconds, n/(n + 20).

use atrion_core::{AdaptiveConfig, AdaptiveState, Window};

use crate::support::given::{after, silence};

#[test]
fn twenty_completions_are_half_of_all_evidence() {
    let config = AdaptiveConfig::default();
    let window =
        Window { admitted: 20, succeeded: 12, failed: 5, late: 3, latency_sum: 1.5, ..Window::default() };
    let state = after(AdaptiveState::default(), 1, &window, &config);
    assert_eq!(state.evidence().get(), 0.5);
    // After ten seconds of silence a third of it is left: 7.4/27.4.
    let later = after(state, 100, &silence(), &config);
    assert!((later.evidence().get() - 0.269).abs() < 0.001, "{}", later.evidence().get());
}

#[test]
fn volume_does_not_dominate() {
    let config = AdaptiveConfig::default();
    let window = Window { admitted: u64::MAX, succeeded: u64::MAX, ..Window::default() };
    let state = after(AdaptiveState::default(), 1_000, &window, &config);
    assert!(state.evidence().get() <= 1.0);
}
