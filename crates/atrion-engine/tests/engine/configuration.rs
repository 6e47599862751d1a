// SPDX-License-Identifier: Apache-2.0
//! A configuration that changes under a running engine.

use std::sync::Arc;

use atrion_core::{AdaptiveConfig, Mode, Ohms, Outcome, Tier};
use atrion_engine::{Config, Engine, Physics, RfcPhysics, RouteConfig};
use atrion_state::{DecayRate, Event, FakeClock, PhysicsVector, RouteId};

use crate::world::{TICK, World, adaptive, admit_all, ms, volts};

fn rfc() -> Config {
    let default = RouteConfig { physics: Physics::Rfc(RfcPhysics::default()), ..RouteConfig::default() };
    Config { default, ..Config::default() }
}

#[test]
fn a_new_configuration_keeps_every_state() {
    let world = World::default();
    let (busy, dead) = (world.learned("busy"), world.learned("dead"));
    let held = admit_all(&busy, 7);
    world.kill(&dead);
    world.tick();
    let before = [busy.snapshot(), dead.snapshot()];
    world.engine.replace_config(Config::default().slo(ms(250))).unwrap();
    let after = [busy.snapshot(), dead.snapshot()];
    assert_eq!(before, after);
    assert_eq!(dead.mode(), Mode::CircuitBreaker);
    assert_eq!(world.count(|event| matches!(event, Event::ConfigReplaced { generation: 1 })), 1);
    // And is in force at once: this is late now.
    world.clock.advance(ms(251));
    held.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    world.tick();
    assert_eq!(busy.snapshot().counts.late(), 7);
}

#[test]
fn nothing_is_above_a_cap_however_long_its_calls_hang() {
    let world = World::new(Config { default: RouteConfig::default().cap(1), ..Config::default() });
    let route = world.engine.route("r");
    let _hung = route.admit_owned(Tier::Normal).unwrap();
    for _ in 0..300 {
        assert!(route.admit_owned(Tier::Critical).is_err());
        world.tick();
    }
    assert_eq!(route.snapshot().in_flight, 1);
}

#[test]
fn a_cap_holds_from_the_moment_it_is_set() {
    let world = World::default();
    let route = world.learned("r");
    let first = admit_all(&route, 3);
    let capped = Config { default: RouteConfig::default().cap(4), ..Config::default() };
    world.engine.replace_config(capped).unwrap();
    let second: Vec<_> = (0..3).filter_map(|_| route.admit_owned(Tier::Critical).ok()).collect();
    assert_eq!(second.len(), 1);
    world.engine.replace_config(Config::default()).unwrap();
    assert!(route.admit(Tier::Critical).is_ok());
    drop((first, second));
}

#[test]
fn an_invalid_configuration_is_refused_whole_with_all_its_faults() {
    let world = World::new(Config::default().slo(ms(100)));
    let mut bad = Config::default().max_routes(0).slo(ms(777));
    bad.default.cap = Some(0);
    let broken = AdaptiveConfig { weight: f64::NAN, dead_after: 0, ..AdaptiveConfig::default() };
    bad = bad.route("x*", RouteConfig { physics: Physics::Adaptive(broken), ..RouteConfig::default() });
    let error = world.engine.replace_config(bad).unwrap_err();
    let fields: Vec<_> = error.faults().map(|(_, fault)| fault.field).collect();
    assert_eq!(fields, ["max_routes", "cap", "weight", "dead_after"]);
    assert_eq!(world.engine.config(), Config::default().slo(ms(100)));
    let told = world.events.events();
    let [Event::ConfigRejected { reason }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(**reason, error.to_string());
    let engine = Engine::new(Config::default().max_routes(0), Arc::new(FakeClock::new()), Vec::new(), TICK);
    assert!(engine.is_err());
}

#[test]
fn the_exact_name_wins_and_later_routes_get_the_configuration_in_force() {
    let world = World::default();
    let old = world.engine.route("api/old");
    let config = Config::default()
        .route("api/*", RouteConfig::default().cap(1))
        .route("api/free", RouteConfig::default());
    world.engine.replace_config(config).unwrap();
    let (new, free) = (world.engine.route("api/new"), world.engine.route("api/free"));
    for (route, passes) in [(&old, 1), (&new, 1), (&free, 5)] {
        let permits: Vec<_> = (0..5).filter_map(|_| route.admit_owned(Tier::Critical).ok()).collect();
        assert_eq!(permits.len(), passes, "{route:?}");
    }
}

#[test]
fn a_lower_bound_of_routes_is_reached_when_there_is_no_place_any_more() {
    let world = World::new(Config::default().max_routes(100));
    (0..100).for_each(|i| _ = world.engine.route(&format!("r{i}")));
    world.tick();
    world.engine.replace_config(Config::default().max_routes(10)).unwrap();
    world.ticks(110);
    let _ = world.engine.route("one more");
    world.tick();
    let left = world.engine.snapshot().routes.len() - 1;
    assert!(left < 10, "{left}");
    assert_eq!(world.engine.route("one more").id().as_str(), "one more");
}

#[test]
fn the_literal_preset_runs_from_end_to_end() {
    let world = World::new(rfc());
    let route = world.engine.route("r");
    let tick = |outcome: Outcome| {
        let permits: Vec<_> = (0..20).filter_map(|_| route.admit_owned(volts(1e6)).ok()).collect();
        world.clock.advance(ms(5));
        let passed = permits.len();
        permits.into_iter().for_each(|permit| permit.finish(outcome));
        world.clock.advance(ms(95));
        world.pulse();
        passed
    };
    assert_eq!(route.resistance().get(), 12.0, "an unknown route resists a fifth more");
    (0..15).for_each(|_| assert_eq!(tick(Outcome::Success), 20));
    assert_eq!((route.mode(), route.resistance().get()), (Mode::Operational, 10.0));
    let until = |mode: Mode, outcome| {
        let mut ticks = 0;
        while route.mode() != mode {
            tick(outcome);
            ticks += 1;
            assert!(ticks < 2_000, "{:?}", route.snapshot());
        }
        ticks
    };
    until(Mode::CircuitBreaker, Outcome::Failure);
    assert!(tick(Outcome::Failure) <= 3, "probes alone pass");
    // A single success does not close this one; healthy telemetry does, in time.
    let probe = (0..).find_map(|_| {
        world.clock.advance(ms(100));
        route.admit_owned(Tier::Critical).ok()
    });
    probe.unwrap().finish(Outcome::Success);
    world.pulse();
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    assert!(until(Mode::Operational, Outcome::Success) > 5);
    assert!(route.admit(volts(1e3)).is_ok());
}

#[test]
fn a_change_of_preset_takes_the_scar_over() {
    let world = World::default();
    let id = RouteId::new("r").unwrap();
    let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(30.0));
    assert!(world.engine.restore(&id, vector.with_decay_rate(DecayRate::saturating(0.5))));
    let route = world.engine.route("r");
    for config in [rfc(), Config::default(), rfc(), adaptive(AdaptiveConfig::default())] {
        world.engine.replace_config(config).unwrap();
        assert_eq!(route.snapshot().terms.scar.get(), 30.0, "{:?}", world.engine.config().default.physics);
        assert!(route.admit(volts(39.0)).is_err());
        assert!(route.admit(volts(60.0)).is_ok());
    }
}
