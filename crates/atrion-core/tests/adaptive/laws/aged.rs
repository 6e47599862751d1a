// SPDX-License-Identifier: Apache-2.0
//! Answers to overtaken calls: a share of them is a kind of call, a burst of them is none.

use atrion_core::{AdaptiveConfig, AdaptiveState, Window};

use crate::support::given::{after, healthy, settled};

fn latency(state: &AdaptiveState) -> f64 {
    state.latency().unwrap()
}

/// A healthy tick of 0.1 s, in which so many overtaken calls were answered as well.
fn with_aged(aged: u64) -> Window {
    let window = healthy(100.0, 0.1);
    Window { succeeded: window.succeeded + aged, answered_overtaken: aged, ..window }
}

#[test]
fn calls_that_end_together_say_nothing_of_how_long_the_usual_work_takes() {
    let config = AdaptiveConfig::default();
    let state = settled(&config);
    let burst = after(state, 1, &with_aged(1_000), &config);
    // Half of that tick's evidence, and the share remembers fifty answers.
    let ratio = latency(&after(burst, 30, &healthy(100.0, 0.1), &config)) / latency(&state);
    assert!((0.99..1.01).contains(&ratio), "{ratio}");
    // Also where nothing else was answered in the tick.
    let alone = Window { latency_sum: 0.0, answered_overtaken: 20, succeeded: 20, ..healthy(0.0, 0.1) };
    let ratio = latency(&after(state, 5, &alone, &config)) / latency(&state);
    assert!((0.99..1.01).contains(&ratio), "{ratio}");
}

#[test]
fn a_kind_of_call_that_takes_longer_has_its_share_in_the_latency() {
    let config = AdaptiveConfig::default();
    let state = after(settled(&config), 300, &with_aged(1), &config);
    // One answer in eleven counts for a patience, which is five latencies: (10 l + 5 L)/11 = L.
    assert!((latency(&state) / 0.1 - 10.0 / 6.0).abs() < 0.1, "{}", latency(&state));
}

#[test]
fn where_every_other_call_takes_longer_that_is_the_usual_work() {
    let config = AdaptiveConfig::default();
    let state = after(settled(&config), 100, &with_aged(10), &config);
    assert!(latency(&state) > 1.0, "{}", latency(&state));
}
