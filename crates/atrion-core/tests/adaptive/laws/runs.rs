// SPDX-License-Identifier: Apache-2.0
//! Runs of failures: what chance explains is no outage.

use atrion_core::{AdaptiveConfig, Window};
use proptest::prelude::*;

use crate::support::given::{after, healthy, settled};

fn by_chance(window: &Window, ticks: usize) -> u32 {
    let config = AdaptiveConfig::default();
    after(settled(&config), ticks, window, &config).failures_by_chance()
}

#[test]
fn in_health_no_failure_is_by_chance() {
    assert_eq!(by_chance(&healthy(100.0, 0.1), 100), 0);
}

/// A client that leaves all of its calls, ten for each one that is answered.
#[test]
fn where_most_calls_are_given_up_in_ordinary_times_a_long_run_is_no_outage() {
    let left = Window { left: 100, given_up: 100, ..healthy(100.0, 0.1) };
    assert_eq!(by_chance(&left, 100), 100, "ten times the mean run of ten");
}

#[test]
fn an_outage_teaches_nothing_of_chance() {
    let config = AdaptiveConfig::default();
    let failing = Window { succeeded: 0, failed: 10, ..healthy(100.0, 0.1) };
    let open = after(settled(&config), 100, &failing, &config).opened_dead(&config);
    let closed = after(open.closed(), 10, &healthy(100.0, 0.1), &config);
    assert_eq!(closed.failures_by_chance(), 0);
}

proptest! {
    #[test]
    fn runs_of_one_length_are_told_by_their_mean(failed in 0u64..1_000, succeeded in 1u64..1_000) {
        let window = Window { failed, succeeded, ..healthy(100.0, 0.1) };
        let mean = failed as f64 / succeeded as f64;
        prop_assert!((f64::from(by_chance(&window, 400)) - 10.0 * mean).abs() <= 1.0 + 1e-3 * mean);
    }
}
