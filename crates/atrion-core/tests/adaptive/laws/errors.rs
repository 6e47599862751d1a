// SPDX-License-Identifier: Apache-2.0
//! The error share e: with time where there is evidence, per sample where there is little.

use atrion_core::{AdaptiveConfig, Window};

use crate::support::given::{after, failing, settled, silence};

fn share_after(ticks: usize, window: &Window) -> f64 {
    let config = AdaptiveConfig::default();
    after(settled(&config), ticks, window, &config).error_share()
}

fn failures(count: u64) -> Window {
    Window { admitted: count, failed: count, ..Window::default() }
}

#[test]
fn a_busy_route_is_judged_with_a_time_constant_of_300_ms() {
    let share = share_after(3, &failing(1_000.0, 0.1, 100));
    assert!((share - (1.0 - libm::exp(-1.0))).abs() < 1e-9, "{share}");
}

#[test]
fn under_twenty_completions_every_sample_is_a_twentieth() {
    let share = share_after(1, &failures(1));
    assert!((share - (1.0 - libm::exp(-1.0 / 20.0))).abs() < 1e-12, "{share}");
    // Six in a tick are less than the 6.67 that fill it; seven are not.
    assert!(share_after(1, &failures(6)) < share_after(1, &failures(7)));
    assert_eq!(share_after(1, &failures(7)), share_after(1, &failures(700)));
}

#[test]
fn it_goes_where_the_errors_are() {
    for failed in [1, 3, 10] {
        let share = share_after(60, &failing(100.0, 0.1, failed));
        assert!((share - failed as f64 / 10.0).abs() < 1e-6, "{share} at {failed} of 10");
    }
}

#[test]
fn silence_halves_it_every_1_4_seconds() {
    let config = AdaptiveConfig::default();
    let full = after(settled(&config), 60, &failures(100), &config);
    let left = after(full, 14, &silence(), &config).error_share() / full.error_share();
    assert!((left - 0.5).abs() < 0.01, "{left}");
}

#[test]
fn late_answers_are_no_errors() {
    let late = Window { admitted: 10, late: 10, latency_sum: 10.0, ..Window::default() };
    assert_eq!(share_after(10, &late), 0.0);
}
