// SPDX-License-Identifier: Apache-2.0
//! Memory is bounded, whatever names come.

use atrion_core::{Mode, Ohms, Outcome, Tier};
use atrion_engine::{Config, OVERFLOW_ROUTE};
use atrion_state::{DecayRate, Event, PhysicsVector, RouteId, RouteIdError};
use atrion_testkit::generate::{hostile_route_names, route_ids};
use proptest::prelude::*;

use crate::world::{World, admit_all, ms, volts};

/// Ten million take a while without optimization.
const NAMES: usize = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };

#[test]
fn millions_of_names_end_in_one_route_that_still_protects() {
    let world = World::new(Config::default().max_routes(1_000));
    let mut name = String::new();
    for i in 0..NAMES {
        name.clear();
        std::fmt::Write::write_fmt(&mut name, format_args!("GET /users/{i}")).unwrap();
        let route = world.engine.route(&name);
        let permit = route.admit(volts(1e6)).unwrap();
        permit.finish(Outcome::Success);
        // Two seconds in all: routes that have not been named for long make place for others.
        if i.is_multiple_of(NAMES / 20) {
            world.tick();
        }
    }
    world.tick();
    assert!(world.engine.snapshot().routes.len() <= 1_001);
    assert!(world.engine.manager().len() <= 1_001);
    assert!(world.engine.take_cold().len() <= 1_024);
    let turned_away: u64 = world
        .events
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::RoutesOverflowed { refused, limit: 1_000 } => Some(*refused),
            _ => None,
        })
        .sum();
    assert_eq!(turned_away, (NAMES - 1_000) as u64);

    let shared = world.engine.route("never seen");
    assert_eq!(shared.id().as_str(), OVERFLOW_ROUTE);
    world.healthy_traffic(&shared, 15, 10);
    world.kill(&shared);
    assert_eq!(world.engine.route("nor this").mode(), Mode::CircuitBreaker);
    assert_eq!(world.engine.route("GET /users/1").mode(), Mode::Bootstrap, "it has a place of its own");
}

#[test]
fn names_that_come_and_go_for_ever_leave_nothing_behind() {
    let world = World::new(Config::default().max_routes(50));
    for i in 0..20_000 {
        let route = world.engine.route(&format!("r{i}"));
        admit_all(&route, 1).pop().unwrap().finish(Outcome::Success);
        drop(route);
        if i % 10 == 0 {
            world.clock.advance(ms(3_000));
            world.pulse();
        }
    }
    world.ticks(2);
    assert!(world.engine.snapshot().routes.len() <= 51);
    assert!(world.engine.manager().len() <= 51, "{}", world.engine.manager().len());
    assert!(world.engine.take_cold().len() <= 1_024);
}

fn scar(world: &World, name: &str, ohms: f64) -> bool {
    let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(ohms));
    world.engine.restore(&RouteId::new(name).unwrap(), vector.with_decay_rate(DecayRate::saturating(0.001)))
}

#[test]
fn idle_neutral_routes_go_first_the_longest_idle_before_the_others() {
    let world = World::new(Config::default().max_routes(4));
    assert!(scar(&world, "scarred", 50.0));
    for name in ["first", "second", "busy"] {
        let route = world.engine.route(name);
        admit_all(&route, 1).pop().unwrap().finish(Outcome::Success);
        world.ticks(5);
    }
    for _ in 0..120 {
        admit_all(&world.engine.route("busy"), 1).pop().unwrap().finish(Outcome::Success);
        world.tick();
    }
    let names = || -> Vec<String> {
        world.engine.snapshot().routes.iter().map(|route| route.id.to_string()).collect()
    };
    assert_eq!(world.engine.route("new").id().as_str(), OVERFLOW_ROUTE, "no place yet");
    world.tick();
    assert_eq!(world.engine.route("new").id().as_str(), "new", "but from the next pulse on");
    assert_eq!(names(), [OVERFLOW_ROUTE, "busy", "new", "scarred", "second"]);
}

#[test]
fn every_eviction_makes_room_however_small() {
    let world = World::new(Config::default().max_routes(3));
    for i in 0..40 {
        world.ticks(110);
        let name = format!("r{}", i % 7);
        if world.engine.route(&name).id().as_str() == OVERFLOW_ROUTE {
            world.tick();
            assert_eq!(world.engine.route(&name).id().as_str(), name, "round {i}");
        }
    }
}

#[test]
fn a_route_that_came_back_is_not_forgotten_in_place_of_its_former_self() {
    let world = World::new(Config::default().max_routes(2));
    let _ = world.engine.route("again");
    let _ = world.engine.route("b");
    world.ticks(110);
    let _ = world.engine.route("c");
    world.tick();
    let again = world.engine.route("again");
    let _held = admit_all(&again, 3);
    for i in 0..10 {
        world.ticks(110);
        let _ = world.engine.route(&format!("other {i}"));
        world.tick();
        assert_eq!(world.engine.route("again").snapshot().in_flight, 3, "round {i}");
    }
}

#[test]
fn a_handle_that_is_held_keeps_its_route_and_its_ticks() {
    let world = World::new(Config::default().max_routes(2));
    let held = world.learned("held");
    let permit = world.engine.route("owned").admit_owned(Tier::Normal).unwrap();
    for i in 0..30 {
        world.ticks(110);
        let _ = world.engine.route(&format!("other {i}"));
        world.tick();
    }
    assert_eq!(world.engine.route("held").id(), held.id());
    permit.finish(Outcome::Success);
    world.kill(&held);
    assert_eq!(world.engine.route("held").mode(), Mode::CircuitBreaker);
    world.tick();
    assert_eq!(held.snapshot().counts.failed(), 40);
}

#[test]
fn a_warm_start_beyond_the_bound_is_taken_as_far_as_there_is_place() {
    let world = World::new(Config::default().max_routes(10));
    let taken = (0..10_000).filter(|i| scar(&world, &format!("r{i}"), 30.0)).count();
    assert_eq!(taken, 10);
    assert_eq!((world.engine.snapshot().routes.len(), world.engine.manager().len()), (11, 10));
    assert_eq!(
        world.engine.route("no place").resistance().get(),
        10.0,
        "no scar is shared by all routes without a place"
    );
}

#[test]
fn what_cannot_be_a_name_gets_the_overflow_route_and_an_error_on_request() {
    let world = World::default();
    let long = "x".repeat(10_240);
    for name in ["", &long, "a\0b", "line\nbreak", "\u{85}"] {
        let route = world.engine.route(name);
        assert_eq!(route.id().as_str(), OVERFLOW_ROUTE);
        assert!(route.admit(Tier::Bulk).is_ok());
        assert!(world.engine.routes().try_route(name).is_err());
    }
    assert_eq!(world.engine.routes().try_route("").unwrap_err(), RouteIdError::Empty);
    world.tick();
    assert_eq!(world.count(|event| matches!(event, Event::RoutesOverflowed { refused: 5, .. })), 1);
    assert_eq!(world.engine.snapshot().routes.len(), 1);
}

#[test]
fn the_overflow_route_has_one_name_and_one_cell() {
    let world = World::new(Config::default().max_routes(1));
    let named = world.engine.route(OVERFLOW_ROUTE);
    let _ = world.engine.route("the only place");
    let _held = admit_all(&world.engine.route("no place"), 3);
    assert_eq!(named.snapshot().in_flight, 3);
    assert_eq!(world.engine.snapshot().routes.len(), 2);
}

proptest! {
    #[test]
    fn every_valid_name_finds_its_own_route_again(ids in proptest::collection::vec(route_ids(), 1..20)) {
        let world = World::default();
        for id in &ids {
            let route = world.engine.route(id.as_str());
            prop_assert_eq!(route.id(), id);
        }
        let mut distinct = ids;
        distinct.sort();
        distinct.dedup();
        prop_assert_eq!(world.engine.snapshot().routes.len(), distinct.len() + 1);
    }

    #[test]
    fn no_hostile_name_makes_a_route(names in proptest::collection::vec(hostile_route_names(), 1..20)) {
        let world = World::default();
        for name in &names {
            let route = world.engine.route(name);
            prop_assert_eq!(route.id().as_str(), OVERFLOW_ROUTE);
        }
        prop_assert_eq!(world.engine.snapshot().routes.len(), 1);
    }
}
