// SPDX-License-Identifier: Apache-2.0
//! Shadow mode: everything is computed, counted and told, and nothing is shed.

use atrion_core::{Mode, Outcome, Reason, Tier};
use atrion_engine::{Config, Override};
use atrion_state::{Event, OverrideKind};

use crate::world::{World, admit_all, ms};

#[test]
fn a_shadow_sheds_nothing_and_counts_what_it_would_have() {
    let [real, shadow] = [false, true].map(|shadow| {
        let world = World::new(Config::default().shadow(shadow));
        let route = world.learned("r");
        let crowd = admit_all(&route, 6);
        let passed: Vec<bool> = Tier::ALL
            .into_iter()
            .map(|tier| {
                let permit = route.admit_owned(tier);
                let passed = permit.is_ok();
                // The crowd is to be the same for all of them.
                permit.into_iter().for_each(|permit| permit.finish(Outcome::Ignored));
                passed
            })
            .collect();
        drop(crowd);
        world.pulse();
        let counts = route.snapshot().counts;
        let would: Vec<u64> =
            Tier::ALL.into_iter().map(|tier| counts.shed(tier, Reason::Saturated)).collect();
        (passed, would, route.snapshot().shadow)
    });
    assert!(real.0.contains(&false) && real.0.contains(&true), "{:?}", real.0);
    assert_eq!(shadow.0, [true; 5]);
    assert_eq!(shadow.1, real.1);
    assert_eq!((real.2, shadow.2), (false, true));
}

#[test]
fn the_breaker_of_a_shadow_opens_and_closes_without_stopping_anyone() {
    let world = World::new(Config::default().shadow(true));
    let route = world.learned("r");
    world.kill(&route);
    for _ in 0..50 {
        assert!(route.admit(Tier::Bulk).is_ok());
    }
    world.tick();
    let counts = route.snapshot().counts;
    assert!(counts.shed(Tier::Bulk, Reason::BreakerOpen) >= 47, "{counts:?}");
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    route.admit_owned(Tier::Bulk).unwrap().finish(Outcome::Success);
    assert_eq!(route.mode(), Mode::Operational);
    world.ticks(12);
    assert_eq!(world.count(|event| matches!(event, Event::SheddingStarted { .. })), 1);
    assert_eq!(world.count(|event| matches!(event, Event::SheddingStopped { .. })), 1);
}

#[test]
fn nor_does_an_operator_stop_anyone_in_a_shadow() {
    let world = World::new(Config::default().shadow(true));
    let route = world.engine.route("r");
    let open = Override { kind: OverrideKind::ForceOpen, reason: "drill".into(), time_to_live: ms(60_000) };
    world.engine.overrides().set(&route, open).unwrap();
    assert!(route.admit(Tier::Normal).is_ok());
    world.tick();
    assert_eq!(route.snapshot().counts.shed(Tier::Normal, Reason::ForcedOpen), 1);
}

#[test]
fn a_route_leaves_the_shadow_when_the_configuration_says_so() {
    let world = World::new(Config::default().shadow(true));
    let route = world.learned("r");
    let crowd = admit_all(&route, 60);
    assert!(route.admit(Tier::Bulk).is_ok());
    world.engine.replace_config(Config::default()).unwrap();
    assert!(route.admit(Tier::Bulk).is_err());
    drop(crowd);
}
