// SPDX-License-Identifier: Apache-2.0
//! The ceiling: a full queue refuses at one count and at once. Nothing else does, and nothing else
//! is mistaken for it.

use atrion_core::adaptive::{Failures, Pairs};
use atrion_core::{AdaptiveConfig, AdaptiveState, Ohms, Volts, Window};

use crate::support::dice::Dice;
use crate::support::given::{after, settled};

/// One call: how many were in flight at its admission, and whether it failed.
type Call = (u64, bool);

/// Ten seconds of fifty calls a tick, the failed ones back after `held` seconds.
fn after_calls(held: f64, mut call: impl FnMut(&mut Dice) -> Call) -> AdaptiveState {
    let (config, mut dice) = (AdaptiveConfig::default(), Dice::new(5));
    (0..100).fold(settled(&config), |state, _| {
        let mut window = Window { admitted: 50, mean_in_flight: 20.0, ..Window::default() };
        for (n, fails) in (0..50).map(|_| call(&mut dice)) {
            let x = n as f64;
            if fails {
                let Failures { x: sum, xx, held: all } = window.failures;
                window.failed += 1;
                window.failures = Failures { x: sum + x, xx: xx + x * x, held: all + held };
            } else {
                window.succeeded += 1;
                window.latency_sum += 0.1;
                window.pairs = window.pairs.with(x, 0.1);
            }
        }
        after(state, 1, &window, &config)
    })
}

/// A crowd that moves between 10 and the bound; a call that meets the bound fails.
fn full_queue(bound: u64) -> impl FnMut(&mut Dice) -> Call {
    move |dice| {
        let n = (10 + (dice.unit() * 25.0) as u64).min(bound);
        (n, n == bound)
    }
}

#[test]
fn a_full_queue_is_found_where_it_is_full() {
    for bound in [20, 30] {
        let state = after_calls(0.001, full_queue(bound));
        assert_eq!((state.queue_edge_belief(), state.queue_edge()), (1.0, Some(bound as f64)));
        assert!((state.target() - 0.75 * bound as f64).abs() < 1e-9, "{}", state.target());
    }
}

/// The least important goes first, and the most important is refused where the queue would refuse
/// it.
#[test]
fn the_ladder_ends_at_the_edge() {
    let config = AdaptiveConfig::default();
    let law = after_calls(0.001, full_queue(30)).law(None, &AdaptiveConfig { scar_decay: 100.0, ..config });
    let law = atrion_core::Law { rest: Ohms::saturating(10.0), ..law };
    let slots = |volts| law.slots(Volts::saturating(volts));
    assert!((22.5..23.5).contains(&slots(14.0)), "bulk passes under {}", slots(14.0));
    assert!((29.5..30.5).contains(&slots(91.0)), "critical passes under {}", slots(91.0));
}

#[test]
fn other_failures_are_not_taken_for_a_full_queue() {
    let crowd = |dice: &mut Dice| 10 + (dice.unit() * 25.0) as u64;
    let cases = [
        ("errors of any crowd", after_calls(0.001, |dice| (crowd(dice), dice.hits(0.3)))),
        ("everything fails", after_calls(0.001, |dice| (crowd(dice), true))),
        ("nothing fails", after_calls(0.001, |dice| (crowd(dice), false))),
        ("a queue that refuses slowly", after_calls(0.05, full_queue(30))),
        (
            "failures where it is empty",
            after_calls(0.001, |dice| {
                let n = crowd(dice);
                (n, n == 10)
            }),
        ),
        // More likely in a crowd, and yet without an edge: a rate limit does that.
        (
            "failures that lean to the crowd",
            after_calls(0.001, |dice| {
                let n = crowd(dice);
                (n, dice.hits(n as f64 / 50.0))
            }),
        ),
    ];
    for (name, state) in cases {
        assert_eq!(state.queue_edge_belief(), 0.0, "{name}: {state:?}");
    }
}

#[test]
fn it_is_forgotten_within_a_minute() {
    let config = AdaptiveConfig::default();
    let found = after_calls(0.001, full_queue(30));
    let quiet =
        Window { admitted: 50, succeeded: 50, latency_sum: 5.0, mean_in_flight: 5.0, ..Window::default() };
    let belief = |ticks| after(found, ticks, &quiet, &config).queue_edge_belief();
    assert_eq!(belief(50), 1.0, "a pause is no proof");
    assert!(belief(600) < 0.1, "{}", belief(600));
    assert_eq!(after(found, 3_000, &quiet, &config).queue_edge(), None);
}

#[test]
fn pairs_that_were_left_out_say_nothing() {
    let config = AdaptiveConfig::default();
    let failures = Failures { x: 300.0, xx: 9_000.0, held: 0.0 };
    let window = Window { admitted: 10, failed: 10, failures, pairs: Pairs::default(), ..Window::default() };
    assert_eq!(after(settled(&config), 50, &window, &config).queue_edge_belief(), 0.0);
}
