// SPDX-License-Identifier: Apache-2.0
//! A refusal explains itself, and its hint is true.

use atrion_core::{AdaptiveConfig, Mode, Ohms, Outcome, Reason, Telemetry, Tier};
use atrion_engine::{Config, Override, Route, RouteConfig, Shed};
use atrion_state::{DecayRate, OverrideKind, PhysicsVector, RouteId};
use proptest::prelude::*;

use crate::world::{World, adaptive, admit_all, ms, volts};

/// Half a rung of the ladder, in volts, and a little for floats of half the size.
const RUNG: f64 = 90.0 / 512.0;

fn refused(route: &Route, v: f64) -> Shed {
    route.admit_owned(volts(v)).expect_err("this request was to be refused")
}

fn explains_itself(shed: &Shed) {
    let terms = shed.terms();
    let sum = terms.base.get()
        + terms.saturation.get()
        + terms.momentum.get()
        + terms.scar.get()
        + terms.staleness.get()
        + terms.cluster
        + terms.signal.get();
    assert!((sum - shed.resistance().get()).abs() < 1e-6, "{shed}");
    // A breaker may stay open when what has opened it has sunk: only a success closes it.
    if matches!(shed.reason(), Reason::Saturated | Reason::Scarred) {
        assert!(shed.voltage().get() <= shed.resistance().get() + RUNG, "{shed}");
    }
    let seconds = shed.retry_after().as_secs_f64();
    assert!((0.1..=75.0).contains(&seconds), "{shed}");
    let text = shed.to_string();
    assert!(text.contains(shed.reason().as_str()) && text.contains(&shed.voltage().to_string()), "{text}");
}

/// A route that carries a scar from an earlier life.
fn scarred(world: &World, ohms: f64) -> Route {
    let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(ohms));
    let id = RouteId::new("scarred").unwrap();
    assert!(world.engine.restore(&id, vector.with_decay_rate(DecayRate::saturating(0.5))));
    world.engine.route("scarred")
}

#[test]
fn a_crowd_is_saturation() {
    let world = World::default();
    let route = world.learned("r");
    let _crowd = admit_all(&route, 40);
    let shed = refused(&route, 60.0);
    explains_itself(&shed);
    assert_eq!(shed.reason(), Reason::Saturated);
    assert_eq!(shed.refusal().in_flight, 40);
    assert!(shed.terms().saturation.get() > 50.0 && shed.terms().scar.get() == 0.0);
}

#[test]
fn an_earlier_outage_is_a_scar() {
    let world = World::default();
    let route = scarred(&world, 40.0);
    let shed = refused(&route, 49.0);
    explains_itself(&shed);
    assert_eq!((shed.reason(), shed.terms().scar.get()), (Reason::Scarred, 40.0));
    assert!(route.admit(volts(51.0)).is_ok());
}

#[test]
fn an_open_breaker_says_so_from_its_first_refusal_on() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    let _probes: Vec<_> = (0..3).map(|_| route.admit_owned(Tier::Critical).unwrap()).collect();
    for _ in 0..2 {
        let shed = refused(&route, 99.0);
        explains_itself(&shed);
        assert_eq!((shed.reason(), shed.refusal().mode), (Reason::BreakerOpen, Mode::CircuitBreaker));
        assert_eq!((shed.resistance().get(), shed.terms().scar.get()), (100.0, 90.0));
        world.pulse();
    }
}

#[test]
fn between_a_closing_and_its_tick_nothing_of_the_outage_is_told() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    world.tick();
    route.admit_owned(Tier::Critical).unwrap().finish(Outcome::Success);
    let _crowd = admit_all(&route, 60);
    let shed = refused(&route, 30.0);
    explains_itself(&shed);
    assert_eq!((shed.reason(), shed.terms().scar.get()), (Reason::Saturated, 0.0));
    assert!(shed.retry_after() <= ms(1_250), "{shed}");
}

#[test]
fn a_cap_is_a_cap_whatever_the_voltage() {
    let world = World::new(Config { default: RouteConfig::default().cap(10), ..Config::default() });
    let route = world.engine.route("r");
    let _full = admit_all(&route, 10);
    let shed = refused(&route, 1e6);
    explains_itself(&shed);
    assert_eq!(shed.reason(), Reason::AtCap);
}

#[test]
fn an_operator_is_named() {
    let world = World::default();
    let route = world.learned("r");
    let wanted = Override { kind: OverrideKind::ForceOpen, reason: "a test".into(), time_to_live: ms(5_000) };
    world.engine.overrides().set(&route, wanted).unwrap();
    let shed = refused(&route, 1e6);
    explains_itself(&shed);
    assert_eq!(shed.reason(), Reason::ForcedOpen);
}

#[test]
fn saturation_that_a_caller_reports_is_a_signal_and_no_scar() {
    let world = World::default();
    let route = world.learned("r");
    let report = Telemetry { latency: 0.01, error_rate: 0.0, saturation: 1.5 };
    world.engine.update_physics("r", report).unwrap();
    let shed = refused(&route, 40.0);
    explains_itself(&shed);
    assert_eq!(shed.reason(), Reason::Signal);
    assert!(shed.terms().signal.get() > 30.0 && shed.terms().scar.get() == 0.0, "{shed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_refusal_adds_up(
        scar in 0.0..60.0f64,
        crowd in 0..400usize,
        momentum in 0.0..50.0f64,
        failing in 0..60usize,
        v in 0.0..100.0f64,
        ticks in 0..30usize,
    ) {
        let config = AdaptiveConfig { momentum_factor: momentum, ..AdaptiveConfig::default() };
        let world = World::new(adaptive(config));
        let route = scarred(&world, scar);
        let crowd = admit_all(&route, crowd);
        for permit in admit_all(&route, failing) {
            permit.finish(Outcome::Failure);
        }
        world.ticks(ticks);
        for _ in 0..4 {
            if let Err(shed) = route.admit(volts(v)) {
                explains_itself(&shed);
                let snapshot = route.snapshot();
                prop_assert!((snapshot.resistance.get() - shed.resistance().get()).abs() < 1e-6);
                prop_assert!((snapshot.resistance.get() - route.resistance().get()).abs() < 1e-3);
            }
            world.tick();
        }
        drop(crowd);
    }

    #[test]
    fn after_the_hint_the_same_request_passes_on_an_idle_operational_route(
        scar in 1.0..60.0f64,
        head in 0.5..90.0f64,
    ) {
        let world = World::default();
        let route = scarred(&world, scar);
        let v = 10.0 + head;
        let Err(shed) = route.admit(volts(v)) else { return Ok(()) };
        let due = world.now().after(shed.retry_after());
        while world.now().after(ms(100)) <= due {
            world.tick();
        }
        world.clock.set(due);
        // So that it is the law that lets it through, and not the silence.
        route.admit_owned(volts(1e6)).unwrap().finish(Outcome::Success);
        prop_assert!(route.admit(volts(v)).is_ok(), "{shed}");
    }
}

#[test]
fn what_was_refused_together_is_not_asked_back_together() {
    let world = World::default();
    let route = scarred(&world, 40.0);
    let mut hints: Vec<_> =
        (0..50).map(|i| refused(&route, 30.0 + 0.01 * f64::from(i)).retry_after()).collect();
    hints.sort();
    hints.dedup();
    assert!(hints.len() > 25, "{hints:?}");
}

#[test]
fn refusals_are_kept_for_whoever_asks_and_for_nobody_else() {
    let world = World::default();
    let [busy, rare] = ["busy", "rare"].map(|name| world.engine.route(name));
    for route in [&busy, &rare] {
        let (kind, reason, time_to_live) = (OverrideKind::ForceOpen, "a test".into(), ms(60_000));
        world.engine.overrides().set(route, Override { kind, reason, time_to_live }).unwrap();
    }
    let refuse = |route: &Route| {
        let _ = refused(route, 40.0);
    };
    refuse(&busy);
    assert!(world.engine.routes().refusals_after(0).is_empty(), "none were asked for");

    // A route that refuses without end leaves room for one that refuses once.
    refuse(&rare);
    for _ in 0..2_000 {
        refuse(&busy);
        world.clock.advance(ms(1));
    }
    let kept = world.engine.routes().refusals_after(0);
    let of = |name: &str| kept.iter().filter(|sample| sample.route.as_str() == name).count();
    assert_eq!((of("rare"), of("busy")), (1, 10), "five a second and route");
    assert!(kept.iter().all(|sample| sample.refusal.volts.get() == 40.0));
    assert!(kept.is_sorted_by_key(|sample| (sample.number, sample.at)));

    // A reader of some gets the others, and one that stops asking stops the sampling.
    let last = kept.last().unwrap().number;
    world.clock.advance(ms(300));
    refuse(&rare);
    assert_eq!(world.engine.routes().refusals_after(last).len(), 1);
    world.clock.advance(ms(10_000));
    refuse(&rare);
    assert!(world.engine.routes().refusals_after(last + 1).is_empty());
}

#[test]
fn kept_refusals_are_bounded() {
    let world = World::new(Config { default: RouteConfig::default().cap(1), ..Config::default() });
    let routes: Vec<Route> = (0..700).map(|n| world.engine.route(&format!("r{n}"))).collect();
    assert!(world.engine.routes().refusals_after(0).is_empty());
    let _crowds: Vec<_> = routes.iter().map(|route| admit_all(route, 1)).collect();
    for route in &routes {
        let _ = refused(route, 40.0);
    }
    let kept = world.engine.routes().refusals_after(0);
    let numbers: Vec<u64> = kept.iter().map(|sample| sample.number).collect();
    assert_eq!(numbers, (189..=700).collect::<Vec<_>>());
}
