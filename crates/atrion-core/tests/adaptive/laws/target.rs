// SPDX-License-Identifier: Apache-2.0
//! The capacity target N*: the work in service plus a slack for bursts.

use std::time::Duration;

use atrion_core::adaptive::Pairs;
use atrion_core::{AdaptiveConfig, AdaptiveState, Laws, Window};
use proptest::prelude::*;

use crate::support::given::{after, failing, healthy, settled, silence, tick};

fn without(change: impl Fn(&mut Laws)) -> AdaptiveConfig {
    let mut laws = Laws::default();
    change(&mut laws);
    AdaptiveConfig { laws, ..AdaptiveConfig::default() }
}

proptest! {
    /// X L0 in service, and a slack that grows with its root.
    #[test]
    fn unsaturated_it_is_the_work_in_service_plus_slack(rate in 50.0..5_000.0f64, latency in 0.005..0.5f64) {
        let config = without(|laws| laws.memory_of_health = false);
        let window = Window { mean_in_flight: 0.0, ..healthy(rate, latency) };
        let state = after(AdaptiveState::default(), 300, &window, &config);
        let busy = state.throughput() * state.baseline().unwrap();
        let expected = busy + 3.5 * busy.sqrt();
        prop_assert!((state.work_target() - expected.max(4.0)).abs() < 1e-9 * expected, "{}", state.work_target());
        prop_assert!((busy / (window.succeeded as f64 * 10.0 * latency) - 1.0).abs() < 1e-3);
    }

    /// Saturation takes three quarters of the slack, however long it lasts.
    #[test]
    fn the_slack_shrinks_while_saturation_lasts(rate in 50.0..5_000.0f64, latency in 0.005..0.5f64) {
        let config = without(|laws| laws.memory_of_health = false);
        let window = Window { mean_in_flight: 1e9, ..healthy(rate, latency) };
        let state = after(AdaptiveState::default(), 600, &window, &config);
        let busy = state.throughput() * state.baseline().unwrap();
        let expected = busy + 0.25 * 3.5 * busy.sqrt();
        prop_assert!((state.work_target() - expected.max(4.0)).abs() < 1e-6 * expected, "{}", state.work_target());
    }

    #[test]
    fn it_has_a_floor(min_target in 1.0..50.0f64) {
        let config = AdaptiveConfig { min_target, ..AdaptiveConfig::default() };
        prop_assert_eq!(after(AdaptiveState::default(), 30, &silence(), &config).work_target(), min_target);
    }
}

/// A third of the SLO at N*, as far as there is a queue; the work in service is never given up.
#[test]
fn what_is_accepted_is_in_time() {
    let with_slo =
        |millis| AdaptiveConfig { slo: Some(Duration::from_millis(millis)), ..AdaptiveConfig::default() };
    let window = Window { mean_in_flight: 15.0, ..healthy(200.0, 0.05) };
    // A queue: every call waits for a while.
    let waiting = Window { latency_sum: 20.0 * 0.07, ..window };
    let target = |config: &AdaptiveConfig| {
        let state = after(AdaptiveState::default(), 300, &window, config);
        let state = after(state, 20, &waiting, config);
        (state.work_target(), state.throughput() * state.baseline().unwrap())
    };
    let (free, busy) = target(&AdaptiveConfig::default());
    assert!((busy - 10.0).abs() < 1e-6 && free > 20.0, "{free} {busy}");
    assert!((target(&with_slo(180)).0 - 200.0 * 0.18 / 3.0).abs() < 1e-6);
    let calm = after(AdaptiveState::default(), 300, &window, &with_slo(180)).work_target();
    assert!(calm > 0.95 * free, "a full house that slows no call down is no queue: {calm}");
    assert!((target(&with_slo(90)).0 - busy).abs() < 1e-6, "not under the work in service");
    assert_eq!(target(&with_slo(900)).0, free, "farther away it says nothing");
    assert!(
        (target(&with_slo(5_000)).0 - 200.0 * 5.0 / 10.0).abs() < 0.01,
        "a tenth of it is room for the young"
    );
    let old = Window { mean_in_flight: 1e9, ..window };
    let laws = Laws { memory_of_health: false, ..Laws::default() };
    let far = AdaptiveConfig { laws, ..with_slo(5_000) };
    let shrunk = after(settled(&far), 300, &old, &far).work_target();
    assert!(shrunk < 15.0, "a crowd that stays has no such room: {shrunk}");
    let pairs = (0..40).fold(Pairs::default(), |pairs, i| pairs.with(f64::from(i % 8) + 12.0, 0.05));
    let elastic = after(AdaptiveState::default(), 300, &Window { pairs, ..window }, &with_slo(90));
    assert!(elastic.work_target() > 0.95 * free, "free workers have no queue: {}", elastic.work_target());
}

/// Two workers that have become slower than half the SLO: with four in flight every answer is late,
/// and X is 0.
#[test]
fn the_least_target_is_in_time_too() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(200)), ..AdaptiveConfig::default() };
    let late = Window { succeeded: 0, late: 2, mean_in_flight: 5.0, latency_sum: 0.6, ..Window::default() };
    let target = after(settled(&config), 300, &late, &config).work_target();
    assert!((target - 20.0 * 0.2 / 3.0).abs() < 0.01, "20 answers a second, a third of 0.2 s: {target}");
    let promised_nothing = after(settled(&AdaptiveConfig::default()), 300, &late, &AdaptiveConfig::default());
    assert!(promised_nothing.work_target() >= 4.0);
}

#[test]
fn square_root_staffing_matters_most_to_small_services() {
    let (on, off) = (AdaptiveConfig::default(), without(|laws| laws.square_root_staffing = false));
    let ratio = |rate| {
        let target =
            |config| after(AdaptiveState::default(), 100, &healthy(rate, 0.05), config).work_target();
        target(&on) / target(&off)
    };
    assert!(ratio(100.0) > 1.2 && ratio(10_000.0) < 0.65, "{} and {}", ratio(100.0), ratio(10_000.0));
}

#[test]
fn throughput_rises_at_once_and_falls_only_where_strained_calls_are_slower() {
    let config = AdaptiveConfig::default();
    let state = settled(&config);
    assert!((state.throughput() - 100.0).abs() < 1e-3);
    let idle = after(state, 600, &healthy(10.0, 0.1), &config);
    assert!((idle.throughput() - 100.0).abs() < 1e-3, "an idle route keeps its estimate");
    let fast = after(state, 10, &healthy(400.0, 0.02), &config);
    assert!(fast.throughput() > 350.0, "{}", fast.throughput());
    // A nearly full route is strained: if its calls take longer, its output is what it can do.
    for (fill, latency, falls) in [(0.85, 0.15, false), (0.93, 0.15, true), (0.93, 0.1, false)] {
        let crowd = Window { mean_in_flight: fill * state.work_target(), ..healthy(50.0, latency) };
        let next = after(state, 1, &crowd, &config).throughput();
        assert_eq!(next < state.throughput(), falls, "{fill} of N_w, {latency} s");
    }
    // Strained by its crowd, or by its latency: then its output is what it can do.
    for strain in [
        Window { mean_in_flight: 200.0, ..healthy(50.0, 0.15) },
        Window { mean_in_flight: 0.0, ..healthy(50.0, 0.5) },
    ] {
        let worn = after(state, 80, &strain, &config);
        assert!(worn.throughput() < 60.0, "{}", worn.throughput());
    }
}

/// A gate that holds n in flight of L seconds sees n/L come back. What it refuses is not taken for
/// what the callee cannot do, however long it refuses: N* would follow X down, and X N*.
#[test]
fn a_gate_that_refuses_does_not_lower_the_throughput() {
    let config = AdaptiveConfig::default();
    let state = settled(&config);
    let held = Window { refused: 90, mean_in_flight: 60.0, in_flight: 60, ..healthy(10.0, 0.1) };
    let later = after(state, 6_000, &held, &config);
    assert_eq!(later.throughput(), state.throughput());
    assert!(later.work_target() > 0.6 * state.work_target(), "{}", later.work_target());
}

#[test]
fn late_and_failed_work_is_not_throughput() {
    let config = AdaptiveConfig::default();
    let wasted = Window { succeeded: 0, late: 10, failed: 10, mean_in_flight: 300.0, ..healthy(200.0, 0.1) };
    let state = after(settled(&config), 100, &wasted, &config);
    assert!(state.throughput() < 0.3, "{}", state.throughput());
}

/// The level that was carried without strain is not given up because throughput collapses.
#[test]
fn memory_of_health_holds_the_target() {
    let collapse = Window { mean_in_flight: 80.0, ..healthy(20.0, 0.5) };
    let target = |config: &AdaptiveConfig| {
        let carried = after(AdaptiveState::default(), 600, &healthy(500.0, 0.1), config);
        after(carried, 100, &collapse, config).work_target()
    };
    let kept = target(&AdaptiveConfig::default());
    assert!((kept - 60.0).abs() < 1.0, "1.2 times 50 in flight: {kept}");
    assert!(target(&without(|laws| laws.memory_of_health = false)) < 20.0);
}

/// Health is learned neither under strain nor before the law applies.
#[test]
fn strain_and_bootstrap_are_not_health() {
    let config = AdaptiveConfig::default();
    let strain = Window { mean_in_flight: 1_000.0, ..healthy(10.0, 0.5) };
    let strained = after(settled(&config), 600, &strain, &config);
    assert!(strained.work_target() < 30.0, "{}", strained.work_target());
    let learning =
        after(AdaptiveState::default(), config.bootstrap_ticks as usize - 1, &healthy(100.0, 0.1), &config);
    let first = Window { succeeded: 0, latency_sum: 0.0, mean_in_flight: 8.0, ..Window::default() };
    let next = learning.step(&tick(&config), &first, &config);
    let busy = next.throughput() * next.baseline().unwrap();
    assert!(next.work_target() <= busy + 3.5 * busy.sqrt() + 1e-9);
}

/// Calls that hang fill the route beside free workers: where the crowd slows nothing down, the
/// crowd can be carried.
#[test]
fn a_crowd_that_slows_nothing_down_is_health() {
    let config = AdaptiveConfig::default();
    let target = |window: &Window| after(settled(&config), 600, window, &config).work_target();
    let crowd = Window { mean_in_flight: 40.0, ..healthy(100.0, 0.1) };
    assert!((target(&crowd) - 48.0).abs() < 1.0, "1.2 times 40 in flight: {}", target(&crowd));
    for (harm, window) in [
        ("slowed", Window { mean_in_flight: 40.0, ..healthy(100.0, 0.13) }),
        ("mostly failing", Window { mean_in_flight: 40.0, ..failing(100.0, 0.1, 6) }),
        ("nothing comes back", Window { mean_in_flight: 40.0, ..silence() }),
    ] {
        assert!(target(&window) < 40.0, "{harm}: {}", target(&window));
    }
}

#[test]
fn a_route_of_few_calls_takes_no_chance_for_its_pace() {
    let config = AdaptiveConfig::default();
    let state = after(AdaptiveState::default(), 60, &healthy(10.0, 0.05), &config);
    let lump = Window { succeeded: 5, latency_sum: 0.25, ..Window::default() };
    let state = after(state, 1, &lump, &config);
    assert!(state.throughput() < 15.0, "five in a tick are no fifty a second: {}", state.throughput());
}

#[test]
fn a_route_that_learns_carries_two_hundred() {
    let config = AdaptiveConfig::default();
    let learning =
        after(AdaptiveState::default(), config.bootstrap_ticks as usize - 1, &healthy(50.0, 0.01), &config);
    assert_eq!(learning.law(None, &config).target, 200.0);
    let learned = after(learning, 1, &healthy(50.0, 0.01), &config);
    assert_eq!(learned.law(None, &config).target, learned.target());
    assert!(learned.target() < 10.0);
}
