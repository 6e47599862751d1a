// SPDX-License-Identifier: Apache-2.0
//! Calls that stand: which of them are told from the service's work, and when.

use atrion_core::{Outcome, Tier};
use atrion_engine::Route;
use atrion_state::Clock as _;

use crate::world::{World, admit_all, ms};

/// A route whose calls take 100 ms, one in each tick: a call alone is overtaken after half a second.
fn slow_route(world: &World) -> Route {
    let route = world.engine.route("r");
    for _ in 0..150 {
        answer_one(world, &route);
    }
    route
}

/// A tick in which a call is answered, and one is refused where there is a crowd.
fn answer_one(world: &World, route: &Route) {
    let permit = admit_all(route, 1);
    drop(route.admit(Tier::Bulk));
    world.tick();
    permit.into_iter().for_each(|permit| permit.finish(Outcome::Success));
}

#[test]
fn what_stands_together_is_overtaken_sooner_than_what_stands_alone() {
    for (standing, ticks) in [(20, 4), (1, 6)] {
        let world = World::default();
        let route = slow_route(&world);
        let held = admit_all(&route, standing);
        let mut passed = 0u32;
        while route.snapshot().overtaken < standing as u64 {
            answer_one(&world, &route);
            passed += 1;
            assert!(passed < 20, "never");
        }
        assert!(passed.abs_diff(ticks) <= 1, "{standing} after {passed} ticks");
        drop(held);
        assert_eq!((route.snapshot().in_flight, route.snapshot().overtaken), (0, 0));
    }
}

#[test]
fn however_long_nothing_is_answered_what_stands_is_told_from_what_comes() {
    let world = World::default();
    let route = slow_route(&world);
    let kept = route.keep(ms(60_000));
    let mut held = admit_all(&route, 20);
    for _ in 0..30 {
        held.extend(admit_all(&route, 1));
        assert!(route.admit(Tier::Bulk).is_err());
        world.tick();
    }
    let recorded = kept.recorded(world.now(), world.clock.wall());
    let window = recorded.pulses().last().unwrap().window;
    let sum = |calls: [u32; 5]| calls.iter().sum::<u32>();
    assert_eq!(sum(window.young), 50);
    assert!((42..50).contains(&sum(window.stuck)), "{:?}", window.stuck);
    drop(held);
    assert_eq!((route.snapshot().in_flight, route.snapshot().overtaken), (0, 0));
}
