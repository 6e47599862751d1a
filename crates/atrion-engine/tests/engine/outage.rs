// SPDX-License-Identifier: Apache-2.0
//! What people are told of an open breaker.

use atrion_core::{Mode, Outcome, Tier};

use crate::world::{World, admit_all, ms, volts};

#[test]
fn an_open_breaker_says_for_how_long_after_how_many_failures_and_how_its_probes_fare() {
    let world = World::default();
    let route = world.learned("r");
    assert_eq!(route.snapshot().outage, None);
    world.kill(&route);
    world.tick();
    for _ in 0..20 {
        if let Ok(probe) = route.admit_owned(Tier::Critical) {
            world.clock.advance(ms(10));
            probe.finish(Outcome::Failure);
            world.clock.advance(ms(90));
            world.pulse();
        } else {
            world.tick();
        }
    }
    let seen = route.snapshot();
    let outage = seen.outage.unwrap();
    assert_eq!(outage.lasted, ms(2_000));
    assert!((15..=23).contains(&outage.probes), "{outage:?}");
    assert_eq!(outage.probes_failed, outage.probes);
    assert_eq!(u64::from(outage.failures_in_a_row), 40 + outage.probes);
    route.admit_owned(volts(1e6)).unwrap().finish(Outcome::Success);
    assert_eq!((route.mode(), route.snapshot().outage), (Mode::Operational, None));
}

#[test]
fn an_open_breaker_resists_a_hundred_ohms_from_the_first_moment_on() {
    let world = World::default();
    let route = world.learned("r");
    world.ticks(7);
    let permits = admit_all(&route, 120);
    for (i, permit) in permits.into_iter().enumerate() {
        permit.finish(Outcome::Failure);
        let seen = route.snapshot();
        if route.mode() == Mode::CircuitBreaker {
            let ohms = [seen.resistance, route.resistance(), seen.terms.resistance()].map(|ohms| ohms.get());
            assert_eq!(ohms, [100.0; 3], "after {i} failures: {seen:?}");
        }
        if i == 60 {
            world.pulse();
        }
    }
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    let refused = (0..9).find_map(|_| route.admit(Tier::Critical).err()).unwrap();
    assert_eq!(refused.resistance().get(), 100.0);
    // Hung probes beside a scar are not more.
    let probes = admit_all_that_pass(&route, &world);
    world.ticks(60);
    assert_eq!(route.snapshot().resistance.get(), 100.0, "{:?}", route.snapshot());
    drop(probes);
}

fn admit_all_that_pass(route: &atrion_engine::Route, world: &World) -> Vec<atrion_engine::OwnedPermit> {
    world.ticks(5);
    (0..20).filter_map(|_| route.admit_owned(volts(1e6)).ok()).collect()
}
