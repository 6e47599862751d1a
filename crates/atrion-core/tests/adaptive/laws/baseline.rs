// SPDX-License-Identifier: Apache-2.0
//! Latency and its baseline: a mean at first, then slow; upwards under a crowd only by elasticity.

use std::time::Duration;

use atrion_core::adaptive::Pairs;
use atrion_core::{AdaptiveConfig, AdaptiveState, Laws, SplitMix64, Tick, Window};

use crate::support::given::{after, failing, healthy, settled, silence};

/// Pairs of calls whose latency does not depend on the crowd.
fn free_workers(latency: f64) -> Pairs {
    (0..40).fold(Pairs::default(), |pairs, i| pairs.with(f64::from(i % 8) + 5.0, latency))
}

#[test]
fn at_first_it_is_the_mean_of_all_calls() {
    let config = AdaptiveConfig::default();
    // 10 calls of 100 ms and 30 of 20 ms: 40 ms, in whatever order the ticks came.
    let slow = after(AdaptiveState::default(), 20, &healthy(100.0, 0.1), &config);
    let state = after(slow, 20, &healthy(300.0, 0.02), &config);
    assert!((state.baseline().unwrap() - 0.04).abs() < 1e-12, "{}", state.baseline().unwrap());
}

#[test]
fn later_it_follows_free_workers_up_within_twenty_seconds() {
    let config = AdaptiveConfig::default();
    let slower = Window { pairs: free_workers(0.15), ..healthy(100.0, 0.02) };
    let known =
        after(settled(&config), 50, &Window { pairs: free_workers(0.1), ..healthy(100.0, 0.1) }, &config);
    let up = after(known, 200, &Window { mean_in_flight: 12.0, latency_sum: 1.5, ..slower }, &config);
    let expected = 0.15 - 0.05 * libm::exp(-1.0);
    assert!((up.baseline().unwrap() - expected).abs() < 1e-3, "{}", up.baseline().unwrap());
}

#[test]
fn a_call_that_is_alone_has_not_waited() {
    let config = AdaptiveConfig::default();
    let alone = Window { mean_in_flight: 0.9, ..healthy(10.0, 0.3) };
    let state = after(settled(&config), 200, &alone, &config);
    // What one call takes says little: L, which it follows, is a mean over ten.
    let expected = 0.3 - 0.2 * libm::exp(-1.0);
    assert!((state.baseline().unwrap() - expected).abs() < 0.005, "{}", state.baseline().unwrap());
}

#[test]
fn downwards_it_follows_within_five_seconds() {
    let config = AdaptiveConfig::default();
    let state = after(settled(&config), 50, &healthy(100.0, 0.02), &config);
    let expected = 0.02 + 0.08 * libm::exp(-1.0);
    assert!((state.baseline().unwrap() - expected).abs() < 1e-9, "{}", state.baseline().unwrap());
}

/// Hours at the edge of the capacity: a queue that N* accepts would make the baseline longer, and
/// that N* higher.
#[test]
fn a_queue_under_the_target_does_not_make_a_baseline_either() {
    let config = AdaptiveConfig::default();
    let queue = (0..40).fold(Pairs::default(), |pairs, i| {
        let crowd = f64::from(i % 8) + 8.0;
        pairs.with(crowd, 0.015 * crowd)
    });
    let edge = Window { mean_in_flight: 15.0, pairs: queue, ..healthy(100.0, 0.17) };
    let state = after(settled(&config), 36_000, &edge, &config);
    assert!(15.0 < state.target(), "this is no crowd: N* {}", state.target());
    assert!(state.baseline().unwrap() < 0.101, "{}", state.baseline().unwrap());
}

/// Waiting in the slack under N* must not be learned as service, or a cold start near the capacity
/// raises its own target.
#[test]
fn the_slack_of_a_young_route_is_no_service() {
    let config = AdaptiveConfig::default();
    let young = after(AdaptiveState::default(), 20, &healthy(100.0, 0.1), &config);
    let waiting = |share: f64| {
        let queue = (0..10).fold(Pairs::default(), |pairs, i| {
            let crowd = f64::from(i) + 10.0;
            pairs.with(crowd, 0.01 * crowd)
        });
        let mean_in_flight = share * young.target();
        let window = Window { mean_in_flight, pairs: queue, ..healthy(100.0, 0.15) };
        after(young, 10, &window, &config).baseline().unwrap()
    };
    assert!(waiting(0.7) > 0.11, "{}", waiting(0.7));
    assert!(waiting(0.9) < 0.101, "{}", waiting(0.9));
}

/// In a silence every call waits for its end, and the first to come, with the smallest crowd around
/// it, has waited longest.
#[test]
fn calls_that_waited_for_a_silence_teach_nothing() {
    let config = AdaptiveConfig::default();
    let before = settled(&config);
    let silent = after(before, 5, &Window { mean_in_flight: 40.0, in_flight: 60, ..silence() }, &config);
    let pairs = (0..10).fold(Pairs::default(), |pairs, i| {
        let crowd = f64::from(i) * 5.0 + 5.0;
        pairs.with(crowd, 0.525 - 0.01 * crowd)
    });
    let late = |left| Window { pairs, mean_in_flight: 40.0, in_flight: left, ..healthy(100.0, 0.25) };
    // Sixty were in flight when it ended, ten of them come back in each window.
    let drained = (0..6).fold(silent, |state, nth| after(state, 1, &late(50 - 10 * nth), &config));
    assert_eq!(drained.baseline().unwrap(), before.baseline().unwrap());
    assert!(drained.elasticity() > 0.95, "{}", drained.elasticity());
    assert!(drained.latency().unwrap() > 0.2, "L is what it is");
    let next = after(drained, 5, &late(10), &config);
    assert!(next.elasticity() < 0.9, "later calls count: {}", next.elasticity());
    // Ten thousand that never come back, one answer in each window: forgotten within half a minute.
    let lost = Window { in_flight: 10_000, mean_in_flight: 10_000.0, ..silence() };
    let lost = after(before, 5, &lost, &config);
    let alone =
        Window { pairs: Pairs::default().with(10_000.0, 0.1), in_flight: 10_000, ..healthy(10.0, 0.1) };
    assert_eq!(after(lost, 200, &alone, &config).elasticity(), 1.0);
    assert!(after(lost, 350, &Window { pairs, ..alone }, &config).elasticity() < 0.9);
}

#[test]
fn latency_of_now_follows_within_150_ms_and_no_faster_than_ten_samples() {
    let config = AdaptiveConfig::default();
    let fast = after(settled(&config), 1, &healthy(1_000.0, 0.3), &config).latency().unwrap();
    let one = after(settled(&config), 1, &healthy(10.0, 0.3), &config).latency().unwrap();
    assert!((fast - (0.3 - 0.2 * libm::exp(-0.1 / 0.15))).abs() < 1e-9, "{fast}");
    assert!((one - 0.12).abs() < 1e-9, "one sample is a tenth: {one}");
}

#[test]
fn errors_carry_no_latency() {
    let config = AdaptiveConfig::default();
    let state = settled(&config);
    let broken = after(state, 50, &failing(100.0, 0.1, 10), &config);
    let seen = |state: AdaptiveState| (state.latency(), state.baseline());
    assert_eq!(seen(broken), seen(state));
    let next = |state| seen(after(state, 1, &healthy(100.0, 0.2), &config));
    assert_eq!(next(broken), next(state));
}

/// Three times the latency, three times the crowd: caused by the load as long as eps says so.
fn crowded() -> Window {
    Window { mean_in_flight: 100.0, ..healthy(100.0, 0.3) }
}

#[test]
fn a_crowd_that_makes_latency_does_not_make_a_baseline() {
    let config = AdaptiveConfig::default();
    let state = after(settled(&config), 600, &crowded(), &config);
    assert_eq!(state.baseline().unwrap(), settled(&config).baseline().unwrap());
}

#[test]
fn a_crowd_that_makes_no_latency_is_believed_within_seconds() {
    let config = AdaptiveConfig::default();
    let slower = Window { pairs: free_workers(0.29), ..crowded() };
    let state = after(settled(&config), 50, &slower, &config);
    assert!(state.baseline().unwrap() > 0.25, "{}", state.baseline().unwrap());
    let off = AdaptiveConfig { laws: Laws { elasticity: false, ..Laws::default() }, ..config };
    let state = after(settled(&off), 50, &slower, &off);
    assert!(state.baseline().unwrap() < 0.11, "{}", state.baseline().unwrap());
}

#[test]
fn it_never_rises_above_what_was_promised() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(200)), ..AdaptiveConfig::default() };
    let slower = Window { pairs: free_workers(0.3), ..crowded() };
    assert!(after(settled(&config), 600, &slower, &config).baseline().unwrap() <= 0.2);
    let born_slow = after(AdaptiveState::default(), 600, &healthy(100.0, 0.7), &config);
    assert_eq!(born_slow.baseline().unwrap(), 0.2);
}

#[test]
fn downwards_it_goes_in_any_crowd() {
    let config = AdaptiveConfig::default();
    let quicker = Window { mean_in_flight: 500.0, ..healthy(100.0, 0.05) };
    let state = after(settled(&config), 200, &quicker, &config);
    assert!(state.baseline().unwrap() < 0.07, "{}", state.baseline().unwrap());
}

/// A start under overload: the very first calls know the service, the later ones only the queue.
#[test]
fn a_queue_is_not_learned_as_the_services_own_latency() {
    let config = AdaptiveConfig::default();
    let mut state = AdaptiveState::default();
    for step in 0..100 {
        let latency = 0.1 + 0.05 * f64::from(step);
        let queue = Window { mean_in_flight: 100.0 * latency, ..healthy(100.0, latency) };
        state = after(state, 1, &queue, &config);
    }
    assert!(state.baseline().unwrap() < 0.3, "{}", state.baseline().unwrap());
}

/// A start with slow calls: those that have come back are the quick ones.
#[test]
fn calls_that_have_not_come_back_yet_count_by_littles_law() {
    let config = AdaptiveConfig::default();
    let mut state = AdaptiveState::default();
    for step in 1..=30 {
        // 100 calls/s; half of them take 20 ms, the others have not come back.
        let mean_in_flight = 1.0 + 5.0 * f64::from(step);
        let pairs = (0..5).fold(Pairs::default(), |pairs, i| pairs.with(mean_in_flight - f64::from(i), 0.02));
        let window = Window { mean_in_flight, pairs, ..healthy(50.0, 0.02) };
        state = after(state, 1, &window, &config);
        let target = state.law(None, &config).target;
        assert!(target > 0.7 * mean_in_flight, "N* {target} at {mean_in_flight}");
    }
    assert!(state.baseline().unwrap() > 0.5, "{}", state.baseline().unwrap());
}

#[test]
fn silence_teaches_nothing() {
    let config = AdaptiveConfig::default();
    let state = settled(&config);
    let later = state.step(&Tick::new(Duration::from_secs(3_600), &config), &silence(), &config);
    assert_eq!((later.latency(), later.baseline()), (state.latency(), state.baseline()));
    assert_eq!(after(AdaptiveState::default(), 100, &silence(), &config).baseline(), None);
}

/// Of few calls the quickest would be the baseline, as it falls faster than it rises.
#[test]
fn the_chance_of_single_calls_does_not_press_it_down() {
    let config = AdaptiveConfig::default();
    let (mut state, mut random) = (settled(&config), SplitMix64::new(7));
    let tick = Tick::new(Duration::from_millis(100), &config);
    let mut sum = 0.0;
    for nth in 0..6_000 {
        let latency = -0.1 * libm::log(1.0 - random.unit());
        let window = Window { mean_in_flight: 0.5, ..healthy(10.0, latency) };
        state.advance(&tick, &window, &config);
        sum += if nth >= 1_000 { state.baseline().unwrap() } else { 0.0 };
    }
    let mean = sum / 5_000.0;
    assert!((0.085..0.1).contains(&mean), "{mean} for exponential calls of 0.1 s");
}
