// SPDX-License-Identifier: Apache-2.0
//! Room in health: what N* is while no overload is shown, what shows one, and the way between.

use std::time::Duration;

use atrion_core::adaptive::Pairs;
use atrion_core::{AdaptiveConfig, AdaptiveState, Window};
use proptest::prelude::*;

use crate::support::given::{after, healthy, settled, tick};

fn with_slo(millis: u64) -> AdaptiveConfig {
    AdaptiveConfig { slo: Some(Duration::from_millis(millis)), ..AdaptiveConfig::default() }
}

/// How fast a burst is worked off, per second.
const PACE: f64 = 1_000.0;

/// So many at once before an idle route, and all of them worked off when the tick ends.
fn burst(size: u32) -> Window {
    let latency = |n: u32| f64::from(n + 1) / PACE;
    let pairs = (0..size).fold(Pairs::default(), |pairs, n| pairs.with(f64::from(n), latency(n)));
    let calls = u64::from(size);
    Window { admitted: calls, pairs, in_flight: 0, ..healthy(100.0, 0.1) }
}

/// A tick in which so many come as the route can work off in ten, and stay.
fn flood(state: &AdaptiveState) -> Window {
    let came = state.throughput() as u64;
    let crowd = 2.0 * state.target();
    Window {
        admitted: 10,
        refused: came,
        mean_in_flight: crowd,
        in_flight: crowd as u64,
        ..healthy(100.0, 0.1)
    }
}

proptest! {
    /// Before a route that is idle four times what was worked off may come at once where no SLO is
    /// known, and a quarter more where there is a crowd.
    #[test]
    fn a_crowd_that_was_worked_off_is_let_in_again(size in 40u32..2_000) {
        let config = AdaptiveConfig::default();
        let is_about = |found: f64, size: f64| (found / size - 1.0).abs() < 0.05;
        let idle = after(settled(&config), 1, &burst(size), &config);
        prop_assert!(is_about(idle.target(), 4.0 * f64::from(size)), "{}", idle.target());
        let busy = after(idle, 1, &healthy(100.0, 0.1), &config);
        prop_assert!(is_about(busy.target(), 1.25 * f64::from(size)), "{}", busy.target());
    }

    /// Where an SLO is known, what is answered within it may come at once before a route that has no
    /// more than its ordinary crowd, though no larger one was ever there.
    #[test]
    fn before_an_ordinary_crowd_the_slo_alone_says_what_may_come_at_once(
        millis in 200u64..5_000,
        crowd in 0u64..10,
    ) {
        let config = with_slo(millis);
        let calm = Window { in_flight: crowd, ..healthy(100.0, 0.1) };
        let state = after(settled(&config), 2, &calm, &config);
        // A crowd that stands may have half of the SLO.
        let part = if crowd == 0 { 0.85 } else { 0.5 };
        let in_time = part * state.throughput() * millis as f64 * 1e-3;
        prop_assert!(state.target() >= in_time * 0.99, "{} of {in_time}", state.target());
    }

    /// Where an SLO is known no crowd is let in that would be late, whatever was worked off before;
    /// and N* is never under N_w.
    #[test]
    fn no_crowd_is_let_in_that_would_be_late(size in 1u32..2_000, millis in 200u64..5_000) {
        let config = with_slo(millis);
        let state = after(after(settled(&config), 1, &burst(size), &config), 3, &healthy(100.0, 0.1), &config);
        let in_time = 0.85 * PACE * millis as f64 * 1e-3;
        prop_assert!(state.target() <= in_time.max(state.work_target()) + 1e-9, "{}", state.target());
        prop_assert!(state.target() >= state.work_target());
    }
}

/// Refusals cannot press N* down for good: as long as what is let in is worked off, what was
/// refused counts for nothing, and the next crowd may be larger.
#[test]
fn bursts_on_an_idle_route_heal_whatever_was_refused() {
    let config = AdaptiveConfig::default();
    let mut state = settled(&config);
    let mut bursts = 0;
    while state.target() < 400.0 {
        let passes = state.target() as u32;
        let window = Window { refused: u64::from(400 - passes), ..burst(passes) };
        state = after(state, 1, &window, &config);
        state = after(state, 4, &healthy(0.0, 0.1), &config);
        bursts += 1;
        assert!(bursts < 10, "N* {} after {bursts} bursts", state.target());
    }
}

/// A burst is one surprise, which takes half of the room at most; an overload is one in every tick.
#[test]
fn what_persists_is_an_overload_and_what_is_over_is_none() {
    let config = AdaptiveConfig::default();
    let known = after(settled(&config), 1, &burst(200), &config);
    let once = Window { admitted: 200, in_flight: 150, mean_in_flight: 150.0, ..healthy(100.0, 0.1) };
    let after_one = after(known, 1, &once, &config);
    assert!(after_one.target() > 150.0, "{}", after_one.target());
    let after_many = after(known, 10, &once, &config);
    assert_eq!(after_many.target(), after_many.work_target());
}

/// A service whose requests always come in batches is not overloaded by the next batch, and one
/// that is asked for more than it can do is, whatever the batches.
#[test]
fn what_comes_in_batches_is_no_evidence_by_the_size_of_a_batch() {
    let config = AdaptiveConfig::default();
    let batch = |admitted| Window { admitted, in_flight: 30, mean_in_flight: 30.0, ..healthy(100.0, 0.1) };
    let batches = |state, size: u64, times: u32| {
        (0..times).fold(state, |state, _| {
            let state = after(state, 2, &batch(size), &config);
            after(state, 2, &batch(0), &config)
        })
    };
    let known = after(settled(&config), 1, &burst(200), &config);
    let state = batches(known, 17, 100);
    assert!(state.target() > 150.0, "{}", state.target());
    let state = batches(state, 40, 20);
    assert!(state.target() < 1.25 * state.work_target(), "{}", state.target());
}

/// A crowd of an overload is no measure of what can be worked off.
#[test]
fn a_crowd_of_an_overload_teaches_nothing() {
    let config = AdaptiveConfig::default();
    let flooded = (0..50).fold(settled(&config), |state, _| after(state, 1, &flood(&state), &config));
    let crowd = 2.0 * flooded.target();
    let over = after(flooded, 100, &healthy(85.0, 0.1), &config);
    assert!(over.target() < crowd, "{} of {crowd}", over.target());
}

/// A crowd that is gone because it was overtaken was not worked off.
#[test]
fn a_crowd_that_was_overtaken_teaches_nothing() {
    let config = AdaptiveConfig::default();
    let crowd = Window { mean_in_flight: 300.0, in_flight: 300, ..healthy(100.0, 0.1) };
    let held = after(settled(&config), 3, &crowd, &config);
    let calm = |overtaken| Window { newly_overtaken: [0, 0, overtaken, 0, 0], ..healthy(100.0, 0.1) };
    let [worked_off, overtaken] = [0, 295].map(|calls| after(held, 1, &calm(calls), &config).target());
    assert!(worked_off > 300.0 && overtaken < 100.0, "{worked_off}, {overtaken}");
}

/// More is kept out than would be worked off: that is an overload however small the crowd is kept.
#[test]
fn a_gate_that_keeps_the_crowd_small_does_not_hide_the_overload() {
    let config = AdaptiveConfig::default();
    let state = after(settled(&config), 1, &burst(200), &config);
    let kept_small = Window { refused: 40, ..healthy(100.0, 0.1) };
    let later = after(state, 300, &kept_small, &config);
    assert_eq!(later.target(), later.work_target());
    let over = after(later, 100, &healthy(85.0, 0.1), &config);
    assert!(over.target() > over.work_target(), "and when it is over, N* is back: {}", over.target());
}

/// What is promised to a crowd is what it is drained at, not what the route could do before.
#[test]
fn a_route_that_has_lost_its_workers_promises_less() {
    let config = with_slo(2_000);
    let known = after(settled(&config), 1, &burst(300), &config);
    let state = after(known, 2, &healthy(100.0, 0.1), &config);
    // Two answers a tick, each of which has waited for two hundred before it.
    let pairs = Pairs::default().with(199.0, 10.0).with(199.0, 10.0);
    let waited = Window { succeeded: 0, late: 2, latency_sum: 20.0, pairs, ..healthy(20.0, 0.1) };
    let lost = Window { admitted: 2, mean_in_flight: 200.0, in_flight: 200, ..waited };
    let later = after(state, 15, &lost, &config);
    assert!(later.target() < 0.5 * state.target(), "{} of {}", later.target(), state.target());
}

#[test]
fn an_overload_leaves_the_target_of_the_work() {
    let config = AdaptiveConfig::default();
    let state = settled(&config);
    let later = (0..50).fold(state, |state, _| after(state, 1, &flood(&state), &config));
    assert_eq!(later.target(), later.work_target());
}

/// Near the SLO R rises as before a wall; in an overload, without an SLO and under debt it has the
/// ladder's whole length.
#[test]
fn the_ladder_is_short_only_where_the_slo_ends_it() {
    let gain = |config: &AdaptiveConfig, state: &AdaptiveState| state.law(None, config).gain;
    let (near, none) = (with_slo(1_000), AdaptiveConfig::default());
    let state = settled(&near);
    assert_eq!(gain(&near, &state), 4.9);
    assert_eq!(gain(&none, &settled(&none)), none.gain);
    let owing = state.step(&tick(&near), &Window { debt: 3.0, ..healthy(100.0, 0.1) }, &near);
    assert_eq!(gain(&near, &owing), near.gain);
    let flooded = (0..3).fold(state, |state, _| after(state, 1, &flood(&state), &near));
    assert_eq!(gain(&near, &flooded), near.gain);
}
