// SPDX-License-Identifier: Apache-2.0
//! The breaker: opened by a dead route at the request itself, probed, closed by the first fresh
//! success.

use atrion_core::{Mode, Outcome, Priority, Reason, Tier};
use atrion_engine::{OwnedPermit, Route};
use atrion_state::Event;

use crate::world::{World, adaptive, admit_all, ms, volts};

fn probe(route: &Route, tier: Tier) -> Option<OwnedPermit> {
    route.admit_owned(tier).ok()
}

#[test]
fn the_dead_rule_opens_at_the_request_and_not_at_the_tick() {
    let world = World::default();
    let route = world.learned("r");
    world.ticks(10);
    let mut permits = admit_all(&route, 40);
    let last = permits.pop().unwrap();
    permits.into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    assert_eq!(route.mode(), Mode::Operational);
    last.finish(Outcome::Failure);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    assert_eq!(route.resistance().get(), 100.0);
    world.tick();
    let opened = |event: &Event| matches!(event, Event::ModeChanged { to: Mode::CircuitBreaker, .. });
    assert_eq!(world.count(opened), 1);
    assert_eq!(route.resistance().get(), 100.0);
}

#[test]
fn forty_failures_are_not_dead_while_a_success_is_younger_than_0_7_s() {
    let world = World::default();
    let route = world.learned("r");
    world.ticks(9);
    route.admit_owned(volts(1e6)).unwrap().finish(Outcome::Success);
    world.ticks(6);
    world.clock.advance(ms(99));
    admit_all(&route, 100).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    assert_eq!(route.mode(), Mode::Operational);
    // The tick looks, too: it takes no further failure.
    world.clock.advance(ms(1));
    world.pulse();
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

#[test]
fn a_route_that_is_still_learning_is_never_called_dead() {
    let world = World::default();
    let route = world.engine.route("r");
    world.clock.advance(ms(5_000));
    admit_all(&route, 100).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    world.tick();
    assert_eq!(route.mode(), Mode::Bootstrap);
}

#[test]
fn a_single_success_starts_the_run_anew() {
    let world = World::default();
    let route = world.learned("r");
    world.clock.advance(ms(1_500));
    let permits = admit_all(&route, 80);
    for (i, permit) in permits.into_iter().enumerate() {
        permit.finish(if i == 39 { Outcome::Success } else { Outcome::Failure });
    }
    assert_eq!(route.mode(), Mode::Operational);
}

#[test]
fn late_answers_alone_are_a_dead_route_too() {
    let world = World::new(atrion_engine::Config::default().slo(ms(100)));
    let route = world.learned("r");
    let permits = admit_all(&route, 40);
    world.ticks(8);
    permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

#[test]
fn probes_come_in_a_burst_of_three_the_last_for_the_high_then_ten_a_second() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    let [first, second] = [(); 2].map(|()| probe(&route, Tier::Bulk).unwrap());
    assert!(probe(&route, Tier::Bulk).is_none());
    assert!(probe(&route, Tier::Normal).is_none());
    let third = probe(&route, Tier::High).unwrap();
    assert!(probe(&route, Tier::Critical).is_none());
    for permit in [first, second, third] {
        permit.finish(Outcome::Failure);
    }
    let mut passed = 0;
    for at in 1..=1_000 {
        world.clock.advance(ms(1));
        if let Some(permit) = probe(&route, Tier::Critical) {
            permit.finish(Outcome::Failure);
            passed += 1;
        }
        if at % 100 == 0 {
            world.pulse();
        }
    }
    assert_eq!(passed, 10);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

/// Behind four calls that hang, for five seconds in which a request comes every millisecond: when
/// one passes. `volts_of` says the voltage of the request after so many that have passed.
fn probes_behind_hung_calls(volts_of: impl Fn(usize) -> f64) -> Vec<u64> {
    let world = World::default();
    let route = world.learned("r");
    let hung = admit_all(&route, 4);
    world.kill(&route);
    let mut passed = Vec::new();
    for at in 0..5_000_u64 {
        if let Ok(permit) = route.admit_owned(volts(volts_of(passed.len()))) {
            permit.finish(Outcome::Failure);
            passed.push(at);
        }
        world.clock.advance(ms(1));
        if at % 100 == 99 {
            world.pulse();
        }
    }
    drop(hung);
    passed
}

#[test]
fn behind_hung_calls_a_probe_has_a_lease_of_up_to_a_second() {
    let turns = |volts: [f64; 2]| move |nth: usize| volts[nth % 2];
    assert_eq!(probes_behind_hung_calls(turns([0.0, 25.0]))[..4], [0, 925, 1_925, 2_850]);
    assert_eq!(probes_behind_hung_calls(turns([100.0, 80.0]))[..4], [0, 760, 1_460, 2_220]);
}

#[test]
fn a_cohort_that_has_probed_lets_others_go_first() {
    assert_eq!(probes_behind_hung_calls(|_| 50.0)[..4], [0, 1_050, 2_100, 3_150]);
}

#[test]
fn a_tier_that_has_probed_lets_others_go_first() {
    let turns = |nth: usize| [50.0, 60.0][nth % 2];
    assert_eq!(probes_behind_hung_calls(turns)[..4], [0, 920, 1_870, 2_790]);
}

#[test]
fn an_answer_that_says_nothing_of_health_closes_too() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    probe(&route, Tier::Low).unwrap().finish(Outcome::Ignored);
    assert_eq!(route.mode(), Mode::Operational);
}

#[test]
fn an_answer_that_says_nothing_of_health_is_a_sign_of_life_and_ends_no_run() {
    let world = World::default();
    let route = world.learned("r");
    world.ticks(10);
    let mut permits = admit_all(&route, 41);
    permits.pop().unwrap().finish(Outcome::Ignored);
    permits.into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    assert_eq!(route.mode(), Mode::Operational, "a callee that answers is not dead");
    world.ticks(7);
    assert_eq!(route.mode(), Mode::CircuitBreaker, "the forty failures still count");
}

#[test]
fn calls_that_are_given_up_later_than_the_slo_are_a_dead_route_too() {
    let world = World::new(atrion_engine::Config::default().slo(ms(100)));
    let route = world.learned("r");
    let permits = admit_all(&route, 40);
    world.ticks(8);
    drop(permits);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

#[test]
fn the_first_success_of_a_call_since_the_opening_closes_and_forgets() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    world.tick();
    assert_eq!(route.snapshot().terms.scar.get(), 90.0);
    let permit = probe(&route, Tier::Low).unwrap();
    world.clock.advance(ms(20));
    permit.finish(Outcome::Success);
    let now = route.snapshot();
    assert_eq!((now.mode, now.resistance.get(), now.debt), (Mode::Operational, 10.0, 0.0));
    assert_eq!(now.terms.scar.get(), 0.0);
    // Not at the next tick: now.
    assert!(route.admit(Tier::Bulk).is_ok());
    world.tick();
    let now = route.snapshot();
    assert_eq!((now.mode, now.terms.scar.get(), now.error_share), (Mode::Operational, 0.0, 0.0));
}

#[test]
fn a_success_of_a_call_from_before_the_opening_does_not_close() {
    let world = World::default();
    let route = world.learned("r");
    let old = admit_all(&route, 1).pop().unwrap();
    world.kill(&route);
    old.finish(Outcome::Success);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    world.ticks(20);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

#[test]
fn a_success_of_the_last_opening_does_not_close_this_one() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    let [slow, quick] = [(); 2].map(|()| probe(&route, Tier::Critical).unwrap());
    quick.finish(Outcome::Success);
    assert_eq!(route.mode(), Mode::Operational);
    world.ticks(2);
    world.kill(&route);
    slow.finish(Outcome::Success);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

#[test]
fn the_hung_calls_of_an_outage_do_not_open_again_after_it() {
    let world = World::default();
    let route = world.learned("r");
    let hung = admit_all(&route, 500);
    world.kill(&route);
    world.clock.advance(ms(300));
    let good = admit_when_possible(&world, &route);
    good.finish(Outcome::Success);
    assert_eq!(route.mode(), Mode::Operational);
    for (i, permit) in hung.into_iter().enumerate() {
        permit.finish(Outcome::Failure);
        if i % 50 == 0 {
            world.tick();
        }
    }
    world.ticks(20);
    let now = route.snapshot();
    assert_eq!((now.mode, now.counts.outdated()), (Mode::Operational, 500));
    // Nor do the failures count that came before the closing in the same tick.
    assert_eq!((now.error_share, now.debt, now.terms.scar.get()), (0.0, 0.0, 0.0));
}

fn admit_when_possible(world: &World, route: &Route) -> OwnedPermit {
    loop {
        match probe(route, Tier::Critical) {
            Some(permit) => return permit,
            None => world.clock.advance(ms(10)),
        }
    }
}

#[test]
fn while_open_a_failure_from_before_the_latest_success_does_not_count() {
    let world = World::new(adaptive(atrion_core::AdaptiveConfig {
        successes_to_close: 2,
        ..atrion_core::AdaptiveConfig::default()
    }));
    let route = world.learned("r");
    world.kill(&route);
    let [good, before] = [(); 2].map(|()| probe(&route, Tier::Critical).unwrap());
    world.clock.advance(ms(50));
    good.finish(Outcome::Success);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    before.finish(Outcome::Failure);
    world.clock.advance(ms(300));
    let after = probe(&route, Tier::Critical).unwrap();
    after.finish(Outcome::Failure);
    world.pulse();
    let counts = route.snapshot().counts;
    assert_eq!((counts.outdated(), counts.failed()), (1, 41));
}

#[test]
fn as_many_successes_close_as_configured_and_an_earlier_opening_lends_none() {
    let config =
        atrion_core::AdaptiveConfig { successes_to_close: 3, ..atrion_core::AdaptiveConfig::default() };
    let world = World::new(adaptive(config));
    let route = world.learned("r");
    for _ in 0..2 {
        world.kill(&route);
        for left in (0..3).rev() {
            assert_eq!(route.mode(), Mode::CircuitBreaker, "{left} left");
            probe(&route, Tier::Critical).unwrap().finish(Outcome::Success);
            world.tick();
        }
        assert_eq!(route.mode(), Mode::Operational);
    }
}

#[test]
fn calls_that_hang_open_the_breaker_at_a_tick() {
    let world = World::new(atrion_engine::Config::default().slo(ms(100)));
    let route = world.learned("r");
    let hung = admit_all(&route, 3);
    let mut ticks = 0;
    while route.mode() == Mode::Operational {
        world.tick();
        ticks += 1;
        assert!(ticks < 100, "{:?}", route.snapshot());
    }
    // Ten times the patience, which is the SLO.
    assert!((10..=13).contains(&ticks), "{ticks}");
    let shed = (0..4).map(|_| route.admit(Tier::Critical)).find_map(Result::err).unwrap();
    assert_eq!(shed.reason(), Reason::BreakerOpen);
    drop(hung);
}

#[test]
fn where_resistance_is_above_all_traffic_one_passes_each_fifth_of_a_second() {
    let world = World::default();
    let route = world.learned("r");
    let faint = Priority::volts(atrion_core::Volts::new(5.0).unwrap());
    let mut passed = Vec::new();
    let begin = world.now();
    for at in 0..1_000_u64 {
        if let Ok(permit) = route.admit_owned(faint) {
            permit.finish(Outcome::Success);
            passed.push(world.now().since(begin).as_millis());
        }
        world.clock.advance(ms(1));
        if at % 100 == 99 {
            world.pulse();
        }
    }
    // The latest of the healthy calls had begun 60 ms before.
    assert_eq!(passed, [140, 340, 540, 740, 940]);
}

#[test]
fn behind_four_that_hang_one_passes_a_second() {
    let world = World::default();
    let route = world.learned("r");
    let hung = admit_all(&route, 4);
    let faint = Priority::volts(atrion_core::Volts::new(5.0).unwrap());
    let mut passed = Vec::new();
    for at in 1..=2_500_u64 {
        world.clock.advance(ms(1));
        if let Ok(permit) = route.admit_owned(faint) {
            permit.finish(Outcome::Ignored);
            passed.push(at);
        }
    }
    assert_eq!(passed, [985, 1_970]);
    drop(hung);
}
