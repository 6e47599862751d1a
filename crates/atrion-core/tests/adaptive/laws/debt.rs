// SPDX-License-Identifier: Apache-2.0
//! Debt: a failed call keeps its slot until 20 successes have paid for it, or time has healed it.

use atrion_core::{AdaptiveConfig, AdaptiveState, Laws, Mono, Volts, Window};
use proptest::prelude::*;

use crate::support::given::{after, failing, healthy, settled, silence, tick};
use crate::support::route::Route;

#[test]
fn twenty_successes_pay_for_one_failure() {
    let config = AdaptiveConfig {
        laws: Laws { effectiveness: false, ..Laws::default() },
        ..AdaptiveConfig::default()
    };
    let mut route = Route::from_state(settled(&config), config, Mono::ZERO);
    let call = |route: &mut Route, failed| {
        let call = route.admit(Mono::ZERO, Volts::saturating(90.0)).unwrap();
        route.finish(Mono::ZERO, call, failed);
    };
    call(&mut route, true);
    assert_eq!(route.debt, 1.0);
    for paid in 1..=19 {
        call(&mut route, false);
        assert!(route.debt > 0.0, "paid after {paid} successes");
    }
    call(&mut route, false);
    assert!(route.debt < 1e-12, "{}", route.debt);
    call(&mut route, false);
    assert_eq!(route.debt, 0.0, "successes do not pay in advance");
}

/// A silent callee: it is unknown whether a call that was given up has left it.
#[test]
fn while_answers_are_missing_a_failed_call_keeps_its_slot() {
    let config = AdaptiveConfig::default();
    let hung = Window { mean_in_flight: 20.0, in_flight: 20, ..silence() };
    let first = settled(&config).step(&tick(&config), &hung, &config);
    assert_eq!(first.debt_gain(&config), 0.0, "ten answers are missing");
    let silent = after(first, 2, &hung, &config);
    assert_eq!(silent.debt_gain(&config), 1.0, "thirty are");
    assert_eq!(after(silent, 1, &failing(100.0, 0.1, 9), &config).debt_gain(&config), 0.0, "one has come");
    assert_eq!(
        after(settled(&config), 600, &silence(), &config).debt_gain(&config),
        0.0,
        "no call is in flight"
    );
    let learning = after(AdaptiveState::default(), 1, &healthy(1_000.0, 0.01), &config);
    assert_eq!(
        after(learning, 2, &hung, &config).debt_gain(&config),
        0.0,
        "a route that learns knows no silence"
    );
    let off = AdaptiveConfig { laws: Laws { debt: false, ..Laws::default() }, ..config };
    assert_eq!(after(settled(&off), 3, &hung, &off).debt_gain(&off), 0.0);
}

#[test]
fn debt_stands_at_the_live_gate() {
    let config = AdaptiveConfig::default();
    let mut route = Route::from_state(settled(&config), config, Mono::ZERO);
    let normal = Volts::saturating(40.0);
    assert!(route.obeys(normal));
    route.debt = 1.25 * route.state.target() + 10.0;
    assert!(!route.obeys(normal), "a full route of failed calls is a full route");
}

proptest! {
    #[test]
    fn a_tick_takes_over_what_the_requests_made_of_it(debt in 0.0..100.0f64) {
        let config = AdaptiveConfig::default();
        let state = settled(&config).step(&tick(&config), &Window { debt, ..Window::default() }, &config);
        let healed = debt * libm::exp(-0.1 / 5.0);
        prop_assert_eq!(state.debt(), healed.min(1.25 * state.target()));
    }
}
