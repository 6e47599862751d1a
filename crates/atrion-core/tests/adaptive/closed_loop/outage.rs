// SPDX-License-Identifier: Apache-2.0
//! Outages: the breaker opens by itself, keeps probing, and closes with the first good answer.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, Mode, Mono, Ohms, Tier, Volts};

use crate::support::given::settled;
use crate::support::plant::{Plant, World};
use crate::support::route::Route;

const PLANT: Plant = Plant::of(20, 0.05);
const LOAD: f64 = 0.6 * PLANT.capacity();

fn healthy() -> World {
    let mut world = World::new(AdaptiveConfig::default(), PLANT, 9);
    world.run(LOAD, 20.0);
    world
}

#[test]
fn an_outage_opens_the_breaker_within_seconds_and_only_probes_pass() {
    let mut world = healthy();
    world.plant.error_ratio = 1.0;
    let first = world.run(LOAD, 2.0);
    assert_eq!(world.route.state.mode(), Mode::CircuitBreaker, "{first:?}");
    let report = world.run(LOAD, 20.0);
    assert_eq!(world.route.state.mode(), Mode::CircuitBreaker);
    let probes = report.passed.iter().sum::<u64>();
    assert!((180..=203).contains(&probes), "{probes} probes in 20 s, ten a second are allowed");
    assert!(report.longest_gap < 0.3, "{report:?}");
}

#[test]
fn the_first_good_answer_closes_it_and_all_tiers_are_back() {
    let mut world = healthy();
    world.plant.error_ratio = 1.0;
    world.run(LOAD, 30.0);
    world.plant.error_ratio = 0.0;
    world.run(LOAD, 0.3);
    assert_eq!(world.route.state.mode(), Mode::Operational);
    let report = world.run(LOAD, 5.0);
    for tier in Tier::ALL {
        assert!(report.passed(tier) > 0.98, "{tier}: {report:?}");
    }
}

#[test]
fn hung_calls_open_the_breaker_and_their_late_failures_do_not() {
    let mut world = healthy();
    world.plant.hung = true;
    world.run(LOAD, 8.0);
    assert_eq!(world.route.state.mode(), Mode::CircuitBreaker);
    let hung = world.route.in_flight;
    assert!(hung > 4);
    // With so many in flight about one probe a second, so that a callee that hangs is not filled
    // up.
    world.run(LOAD, 10.0);
    assert!((9..=15).contains(&(world.route.in_flight - hung)), "{} probes", world.route.in_flight - hung);
    world.plant.hung = false;
    world.run(LOAD, 1.5);
    assert_eq!(world.route.state.mode(), Mode::Operational, "a fresh probe has answered");
    // The calls of the outage run into their timeouts now. They say nothing new.
    world.cut_hung_calls();
    let report = world.run(LOAD, 5.0);
    assert_eq!(world.route.state.mode(), Mode::Operational);
    assert_eq!(world.route.state.error_share(), 0.0);
    assert!(report.passed_of_all() > 0.98, "{report:?}");
}

#[test]
fn only_a_request_started_after_the_opening_closes_it() {
    let config = AdaptiveConfig { successes_to_close: 2, ..AdaptiveConfig::default() };
    let mut route = Route::from_state(settled(&config), config, Mono::ZERO);
    let at = |millis: u64| Mono::ZERO.after(Duration::from_millis(millis));
    let volts = Volts::saturating(90.0);
    let early: Vec<_> = (0..3).map(|_| route.admit(at(0), volts).unwrap()).collect();
    for _ in 0..40 {
        let call = route.admit(at(1_100), volts).unwrap();
        route.finish(at(1_100), call, true);
    }
    assert_eq!(route.state.mode(), Mode::CircuitBreaker);
    for call in early {
        route.finish(at(1_200), call, false);
        assert_eq!(route.state.mode(), Mode::CircuitBreaker, "it started before the opening");
    }
    for (millis, mode) in [(1_300, Mode::CircuitBreaker), (1_500, Mode::Operational)] {
        let probe = route.admit(at(millis), volts).unwrap();
        assert!(probe.probe);
        route.finish(at(millis + 10), probe, false);
        assert_eq!(route.state.mode(), mode);
    }
}

/// A warm start with an open breaker into a healthy world.
#[test]
fn a_restored_breaker_closes_with_its_first_probe() {
    let config = AdaptiveConfig::default();
    let state = atrion_core::AdaptiveState::restored(Ohms::saturating(90.0), Mode::CircuitBreaker, &config);
    let mut world = World::around(Route::from_state(state, config, Mono::ZERO), PLANT, 4);
    world.run(LOAD, 1.0);
    assert_eq!(world.route.state.mode(), Mode::Operational);
    let report = world.run(LOAD, 10.0);
    assert!(report.passed_of_all() > 0.98, "{report:?}");
}
