// SPDX-License-Identifier: Apache-2.0
//! Tenants of a route in a fleet: what a node says of them, and what it makes of what others say.

use std::sync::Arc;

use atrion_core::claim::Heaviest;
use atrion_core::{Gamma, Mode, Ohms, Priority, Tenant, Tier, Volts};
use atrion_engine::{Config, FleetConfig, RouteConfig, tenant_of};
use atrion_state::{NodeId, PhysicsVector, RouteId, StateProvider as _};
use atrion_testkit::{FleetNode, MemoryFleet};

use crate::world::{World, ready, volts};

const ROUTE: &str = "shared";

fn id() -> RouteId {
    RouteId::new(ROUTE).unwrap()
}

fn node(fleet: &MemoryFleet, name: &str) -> FleetNode {
    fleet.node(&NodeId::new(name).unwrap())
}

#[test]
fn a_route_on_which_no_call_has_ended_yet_says_its_tenants_and_ceases_to() {
    let world = World::new(Config::default().route(ROUTE, RouteConfig::default().cap(1)));
    let route = world.engine.route(ROUTE);
    let _busy = route.admit_owned(Tier::Normal).unwrap();
    let said = || world.engine.manager().get(&id(), world.now()).map(|vector| vector.tenants);
    for _ in 0..10 {
        for name in ["one", "one", "two"] {
            assert!(route.admit(Priority::tier(Tier::Normal).tenant(tenant_of(name))).is_err());
        }
        world.tick();
    }
    let units: Vec<f64> = said().unwrap().units().map(|(_, units)| units).collect();
    assert!(units.len() == 2 && units.iter().copied().fold(0.0, f64::max) > 10.0, "{units:?}");
    for _ in 0..200 {
        world.tick();
    }
    assert_eq!(said(), Some(Heaviest::NONE));
}

/// How many requests of a tenant pass in each second, of ten in each tick, beside one that asks for
/// ten times as much; what passes stays until the tick. Until the tenth second two peers say of it
/// that it has had a thousand there, or nothing of anybody.
fn passes(gamma: Option<f64>, peers_speak: bool) -> Vec<usize> {
    let gamma = gamma.map(|gamma| Gamma::new(gamma).unwrap());
    let world =
        World::new(Config { fleet: FleetConfig { gamma, ..FleetConfig::default() }, ..Config::default() });
    let memory = MemoryFleet::new(Arc::new(world.clock.clone()));
    world.engine.listen_to(Arc::new(node(&memory, "own")));
    let peers = ["a", "b"].map(|name| node(&memory, name));
    let route = world.engine.route(ROUTE);
    let above_all = Priority::volts(Volts::saturating(1e6));
    // Up to the lower end of the band of normal requests, and a little less.
    let mut crowd = Vec::new();
    while route.admit(volts(Tier::Normal.band().0)).is_ok() {
        crowd.push(route.admit_owned(above_all).unwrap());
    }
    crowd.truncate(crowd.len() - 20);
    let lightest = || {
        let said = world.engine.manager().get(&id(), world.now())?.tenants;
        said.units().min_by(|one, other| one.1.total_cmp(&other.1)).map(|(word, _)| word)
    };
    let mut passed = vec![0; 60];
    for tick in 0..600 {
        if let Some(word) = lightest().filter(|_| peers_speak && (20..100).contains(&tick)) {
            let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::ZERO)
                .with_tenants(Heaviest::of([(word, 1_000.0)]));
            peers.iter().for_each(|peer| ready(peer.update_vector(id(), vector)));
        }
        let ask = |nth| {
            let tenant = Tenant::new(u64::from(nth % 11 == 0));
            Some((nth % 11 == 0, route.admit(Priority::tier(Tier::Normal).tenant(tenant)).ok()?))
        };
        let passing: Vec<_> = (0..110).filter_map(ask).collect();
        passed[tick / 10] += passing.iter().filter(|(is_the_one, _)| *is_the_one).count();
        drop(passing);
        world.tick();
    }
    passed
}

#[test]
fn what_peers_say_of_a_tenant_lowers_its_place_until_they_fall_silent_and_at_gamma_0_never() {
    let (alone, listening, deaf) = (passes(None, false), passes(None, true), passes(Some(0.0), true));
    assert_eq!(alone, deaf);
    let sum = |passes: &[usize]| passes.iter().sum::<usize>();
    // All of it while it is small here.
    assert!(sum(&alone[3..10]) >= 650, "{alone:?}");
    assert!(sum(&listening[3..10]) <= 350, "{listening:?}");
    assert!(listening[..40].iter().zip(&alone).all(|(listening, alone)| listening <= alone));
    assert_eq!(listening[50..], alone[50..]);
}
