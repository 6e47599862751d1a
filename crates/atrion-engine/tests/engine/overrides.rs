// SPDX-License-Identifier: Apache-2.0
//! What an operator sets: it says why, it ends, and it ends for certain.

use std::sync::{Arc, Barrier, OnceLock};
use std::time::Duration;

use atrion_core::{Mode, Outcome, Tier};
use atrion_engine::{Config, Engine, OVERFLOW_ROUTE, Override, OverrideError, RouteConfig};
use atrion_state::{Event, Observer, OverrideKind};

use crate::world::{TICK, World, admit_all, ms, name, volts};

fn wanted(kind: OverrideKind, seconds: u64) -> Override {
    Override {
        kind,
        reason: "  maintenance of the callee ".into(),
        time_to_live: Duration::from_secs(seconds),
    }
}

#[test]
fn forced_open_lets_nobody_in_until_its_time_is_over() {
    let world = World::default();
    let route = world.learned("r");
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 2)).unwrap();
    assert_eq!(route.snapshot().forced, Some(OverrideKind::ForceOpen));
    for _ in 0..19 {
        assert!(route.admit(volts(1e6)).is_err());
        world.tick();
    }
    let active = world.engine.overrides().get(&route).unwrap();
    assert_eq!((active.reason.as_str(), active.time_to_live), ("maintenance of the callee", TICK));
    assert!(route.admit(Tier::Critical).is_err());
    world.tick();
    assert!(route.admit(Tier::Critical).is_ok());
    assert_eq!((world.engine.overrides().get(&route), route.snapshot().forced), (None, None));
    assert_eq!(world.count(|event| matches!(event, Event::OverrideExpired { .. })), 1);
}

#[test]
fn forced_closed_lets_all_in_also_through_an_open_breaker_and_over_a_cap() {
    let world = World::new(Config { default: RouteConfig::default().cap(50), ..Config::default() });
    let route = world.learned("r");
    world.kill(&route);
    let crowd: Vec<_> = (0..100).filter_map(|_| route.admit_owned(Tier::Critical).ok()).collect();
    assert!(crowd.len() <= 3);
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceClosed, 1)).unwrap();
    let all: Vec<_> = (0..100).map(|_| route.admit_owned(Tier::Bulk).unwrap()).collect();
    assert_eq!(route.snapshot().counts.all_shed(), 0, "the counts are of the last tick");
    drop((crowd, all));
    world.ticks(10);
    assert_eq!(route.snapshot().forced, None);
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

#[test]
fn an_override_can_be_lifted_once() {
    let world = World::default();
    let route = world.engine.route("r");
    assert!(!world.engine.overrides().lift(&route));
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 600)).unwrap();
    assert!(route.admit(Tier::Critical).is_err());
    assert!(world.engine.overrides().lift(&route));
    assert!(route.admit(Tier::Bulk).is_ok());
    assert!(!world.engine.overrides().lift(&route));
    let told: Vec<_> = world.events.events().iter().map(name).collect();
    assert_eq!(told, ["override set", "override expired"]);
}

#[test]
fn the_event_of_an_end_names_the_person_that_lifted_it_if_one_did() {
    let world = World::default();
    let route = world.engine.route("r");
    let long = "x".repeat(10_000);
    for who in ["ana", "  ", long.as_str()] {
        world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 600)).unwrap();
        assert!(world.engine.overrides().lift_as(&route, who));
        assert!(!world.engine.overrides().lift_as(&route, who), "it is told once");
    }
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 600)).unwrap();
    assert!(world.engine.overrides().lift(&route));
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 1)).unwrap();
    world.ticks(10);
    let events = world.events.events();
    let told = events.iter().filter_map(|event| match event {
        Event::OverrideExpired { lifted_by, .. } => Some(lifted_by.as_deref()),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [Some("ana"), None, Some(&long[..100]), None, None]);
}

#[test]
fn the_later_override_counts_with_its_own_end() {
    let world = World::default();
    let route = world.engine.route("r");
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 1)).unwrap();
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceClosed, 3)).unwrap();
    world.ticks(20);
    assert_eq!(route.snapshot().forced, Some(OverrideKind::ForceClosed));
    world.ticks(10);
    assert_eq!(route.snapshot().forced, None);
}

#[test]
fn what_is_listed_is_in_force_also_when_it_is_renewed_as_it_ends() {
    const ROUNDS: usize = 5_000;
    let world = World::default();
    let route = world.engine.route("r");
    let meet = Barrier::new(2);
    let second = Duration::from_secs(1);
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 1)).unwrap();
    let mut untrue = 0;
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..ROUNDS {
                meet.wait();
                world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 1)).unwrap();
                meet.wait();
            }
        });
        for _ in 0..ROUNDS {
            world.clock.advance(second);
            meet.wait();
            world.pulse();
            meet.wait();
            let is_listed = world.engine.overrides().get(&route).is_some();
            untrue += usize::from(!is_listed || route.admit(Tier::Critical).is_ok());
        }
    });
    assert_eq!(untrue, 0, "of {ROUNDS} renewals");
}

#[test]
fn a_reset_forgets_everything_at_once_and_learns_anew() {
    let world = World::default();
    let route = world.learned("r");
    let old = admit_all(&route, 50);
    world.kill(&route);
    world.tick();
    let reset = Override { time_to_live: Duration::ZERO, ..wanted(OverrideKind::Reset, 1) };
    world.engine.overrides().set(&route, reset).unwrap();
    let now = route.snapshot();
    assert_eq!((now.mode, now.resistance.get(), now.debt), (Mode::Bootstrap, 10.0, 0.0));
    assert_eq!(now.in_flight, 50, "calls are not forgotten");
    assert!(world.engine.overrides().get(&route).is_none());
    assert!(route.admit(Tier::Bulk).is_ok());
    // What began in the life before says nothing about this one.
    world.clock.advance(ms(10));
    old.into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    world.tick();
    assert_eq!((route.mode(), route.snapshot().error_share), (Mode::Bootstrap, 0.0));
    world.healthy_traffic(&route, 12, 10);
    assert_eq!(route.mode(), Mode::Operational);
}

#[test]
fn an_override_without_a_reason_or_an_end_is_refused() {
    let world = World::default();
    let route = world.engine.route("r");
    let with = |reason: &str, time_to_live| Override {
        kind: OverrideKind::ForceOpen,
        reason: reason.into(),
        time_to_live,
    };
    let second = Duration::from_secs(1);
    let reason = |reason: &str| world.engine.overrides().set(&route, with(reason, second)).unwrap_err();
    assert_eq!(reason("  \t"), OverrideError::Reason { characters: 0 });
    assert_eq!(reason(&"ü".repeat(501)), OverrideError::Reason { characters: 501 });
    let lives = |span| world.engine.overrides().set(&route, with("why", span)).unwrap_err();
    for span in [Duration::ZERO, ms(999), Duration::from_secs(7 * 24 * 3600 + 1), Duration::MAX] {
        assert_eq!(lives(span), OverrideError::TimeToLive { given: span });
    }
    assert!(lives(Duration::MAX).to_string().contains("1s..=7d"));
    assert!(route.admit(Tier::Bulk).is_ok() && world.events.events().is_empty());
    world.engine.overrides().set(&route, with(&"ü".repeat(500), Duration::from_secs(7 * 24 * 3600))).unwrap();
}

#[test]
fn a_route_that_is_held_by_hand_is_not_forgotten_for_want_of_room() {
    let world = World::new(Config::default().max_routes(2));
    let route = world.engine.route("held");
    world.engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 3_600)).unwrap();
    drop(route);
    let _ = world.engine.route("idle");
    for i in 0..5 {
        world.ticks(150);
        let _ = world.engine.route(&format!("new {i}"));
        world.tick();
    }
    assert!(world.engine.route("held").admit(Tier::Critical).is_err());
}

#[test]
fn the_overflow_route_can_be_held_by_hand_and_is_let_go_again() {
    let world = World::new(Config::default().max_routes(1));
    let _ = world.engine.route("the only one");
    let shared = world.engine.route("no place");
    assert_eq!(shared.id().as_str(), OVERFLOW_ROUTE);
    world
        .engine
        .overrides()
        .set(&world.engine.route(OVERFLOW_ROUTE), wanted(OverrideKind::ForceOpen, 1))
        .unwrap();
    assert!(shared.admit(Tier::Critical).is_err());
    world.ticks(10);
    assert!(shared.admit(Tier::Critical).is_ok());
    assert_eq!(world.engine.snapshot().routes.len(), 2);
}

/// Sets an override whenever one ends.
struct Stubborn(OnceLock<Arc<Engine>>);

impl Observer for Stubborn {
    fn on_event(&self, event: &Event) {
        if let (Event::OverrideExpired { route, kind, .. }, Some(engine)) = (event, self.0.get()) {
            engine.overrides().set(&engine.route(route.as_str()), wanted(*kind, 1)).unwrap();
        }
    }
}

#[test]
fn whoever_hears_of_an_end_may_set_the_next_one() {
    let stubborn = Arc::new(Stubborn(OnceLock::new()));
    let clock = atrion_state::FakeClock::new();
    let observers: Vec<Arc<dyn Observer>> = vec![stubborn.clone()];
    let engine = Engine::new(Config::default(), Arc::new(clock.clone()), observers, TICK).unwrap();
    let engine = Arc::new(engine);
    assert!(stubborn.0.set(Arc::clone(&engine)).is_ok());
    let route = engine.route("r");
    engine.overrides().set(&route, wanted(OverrideKind::ForceOpen, 1)).unwrap();
    for _ in 0..5 {
        clock.advance(Duration::from_secs(1));
        engine.pulse(engine.now());
        assert!(route.admit(Tier::Critical).is_err());
    }
}

#[test]
fn a_shadow_by_hand_lets_all_in_counts_what_it_would_refuse_and_ends() {
    let world = World::new(Config { default: RouteConfig::default().cap(10), ..Config::default() });
    let route = world.learned("r");
    let crowd = admit_all(&route, 10);
    assert!(route.admit(Tier::Critical).is_err());
    world.engine.overrides().set(&route, wanted(OverrideKind::Shadow, 1)).unwrap();
    assert!((0..20).all(|_| route.admit(Tier::Bulk).is_ok()));
    world.tick();
    let now = route.snapshot();
    assert!((now.shadow, now.forced) == (true, Some(OverrideKind::Shadow)) && now.counts.all_shed() >= 20);
    assert_eq!(world.engine.overrides().list().len(), 1);
    // A configuration that comes and goes meanwhile does not end it, and is not ended by it.
    world.engine.replace_config(Config::default().shadow(true)).unwrap();
    world.ticks(10);
    assert!(world.engine.overrides().list().is_empty() && route.snapshot().shadow);
    drop(crowd);
}

#[test]
fn a_refusal_by_an_operator_says_when_the_override_ends() {
    let world = World::default();
    let route = world.engine.route("r");
    let open = |seconds: u64| {
        let kind = OverrideKind::ForceOpen;
        let wanted = Override { kind, reason: "drill".into(), time_to_live: ms(seconds * 1_000) };
        world.engine.overrides().set(&route, wanted).unwrap();
    };
    let hint = || route.admit(Tier::Critical).unwrap_err().retry_after().as_secs_f64();
    // Up to a quarter is added.
    open(40);
    assert!((40.0..=50.0).contains(&hint()), "{}", hint());
    world.clock.advance(ms(30_000));
    assert!((10.0..=12.5).contains(&hint()), "{}", hint());
    // It may be lifted earlier.
    open(86_400);
    assert!((60.0..=75.0).contains(&hint()), "{}", hint());
}
