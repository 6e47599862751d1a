// SPDX-License-Identifier: Apache-2.0
//! The dead rule: 40 failures in a row and no success for 0.7 s open the breaker; not while the
//! route still learns.

use std::time::Duration;

use atrion_core::adaptive::DeadRule;
use atrion_core::{AdaptiveConfig, Laws, Mode, Mono, Volts};

use crate::support::given::settled;
use crate::support::route::Route;

const ENOUGH: Duration = Duration::from_millis(700);

#[test]
fn forty_failures_and_no_success_for_0_7_s_call_a_route_dead() {
    let rule = DeadRule::of(&AdaptiveConfig::default());
    let holds = |run, silence| rule.holds(Mode::Operational, run, silence);
    assert!(holds(40, ENOUGH));
    assert!(!holds(39, ENOUGH), "one failure is missing");
    assert!(!holds(40, Duration::from_millis(699)), "a millisecond is missing");
    assert!(holds(u32::MAX - 1, Duration::MAX));
}

#[test]
fn a_route_that_learns_or_is_open_is_not_called_dead() {
    let rule = DeadRule::of(&AdaptiveConfig::default());
    assert!(!rule.holds(Mode::Bootstrap, 1_000, Duration::MAX));
    assert!(!rule.holds(Mode::CircuitBreaker, 1_000, Duration::MAX));
}

#[test]
fn it_can_be_switched_off() {
    let laws = Laws { dead: false, ..Laws::default() };
    let rule = DeadRule::of(&AdaptiveConfig { laws, ..AdaptiveConfig::default() });
    assert_eq!(rule, DeadRule::OFF);
    assert!(!rule.holds(Mode::Operational, u32::MAX, Duration::MAX));
}

/// Sends one call that fails, or comes back late.
fn bad_call(route: &mut Route, now: Mono, late: bool) {
    let call = route.admit(now, Volts::saturating(90.0)).unwrap();
    let back = if late { Duration::from_millis(300) } else { Duration::ZERO };
    route.finish(now.after(back), call, !late);
}

#[test]
fn late_answers_are_failures_too_and_a_success_breaks_the_run() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(200)), ..AdaptiveConfig::default() };
    for late in [false, true] {
        let mut route = Route::from_state(settled(&config), config.clone(), Mono::ZERO);
        let second = Mono::ZERO.after(Duration::from_millis(1_100));
        for _ in 0..39 {
            bad_call(&mut route, second, late);
        }
        let good = route.admit(second, Volts::saturating(90.0)).unwrap();
        route.finish(second, good, false);
        bad_call(&mut route, second, late);
        assert_eq!(route.state.mode(), Mode::Operational, "the run was broken");
        let third = second.after(Duration::from_millis(1_500));
        for _ in 0..38 {
            bad_call(&mut route, third, late);
        }
        assert_eq!(route.state.mode(), Mode::Operational, "39 in a row");
        bad_call(&mut route, third, late);
        assert_eq!(route.state.mode(), Mode::CircuitBreaker, "40 in a row");
    }
}
