// SPDX-License-Identifier: Apache-2.0
//! Routes that share a gate: counted in both, refused by one.

use std::time::Duration;

use atrion_core::{Mode, Outcome, Reason, Tier};
use atrion_engine::{Config, OVERFLOW_ROUTE, Override, Route, RouteConfig, RouteSnapshot};
use atrion_state::OverrideKind;

use crate::world::{World, admit_all, ms};

fn capped(cap: u32) -> RouteConfig {
    RouteConfig::default().cap(cap)
}

fn in_flight(routes: &[&Route]) -> Vec<u64> {
    routes.iter().map(|route| route.snapshot().in_flight).collect()
}

fn row(world: &World, name: &str) -> RouteSnapshot {
    world.engine.snapshot().routes.into_iter().find(|row| row.id.as_str() == name).unwrap()
}

#[test]
fn a_permit_holds_a_slot_of_both_gates_and_gives_both_back() {
    let world = World::default();
    let db = world.engine.group("db");
    let (a, b) = (db.route("GET /a"), db.route("GET /b"));
    let held = (
        a.admit(Tier::Normal).unwrap(),
        a.admit_owned(Tier::Low).unwrap(),
        b.admit_owned(Tier::Bulk).unwrap(),
    );
    assert_eq!(in_flight(&[&a, &b, &db.gate()]), [2, 1, 3]);
    held.0.finish(Outcome::Success);
    held.1.finish(Outcome::Failure);
    drop(held.2);
    assert_eq!(in_flight(&[&a, &b, &db.gate()]), [0, 0, 0]);

    world.tick();
    let counts = row(&world, "@db").counts;
    assert_eq!((counts.succeeded(), counts.failed(), counts.cancelled()), (1, 1, 1));
    let by_tier = [Tier::Normal, Tier::Low, Tier::Bulk].map(|tier| counts.admitted(tier));
    assert_eq!(by_tier, [1, 1, 1], "the tiers are the requests'");
}

#[test]
fn the_cap_of_every_route_is_not_the_cap_of_their_group() {
    let default = capped(1);
    let world = World::new(Config { default, ..Config::default() });
    let db = world.engine.group("db");
    let held: Vec<_> = ["a", "b"].map(|name| db.route(name).admit_owned(Tier::Bulk)).into_iter().collect();
    assert!(held.iter().all(Result::is_ok));
}

#[test]
fn what_the_group_refuses_is_its_own_refusal_and_no_news_to_the_route() {
    let world = World::new(Config::default().group("db", capped(1)));
    let db = world.engine.group("db");
    let (a, b) = (db.route("GET /a"), db.route("GET /b"));
    let _samples = world.engine.routes().refusals_after(0);
    let _held = a.admit(Tier::Critical).unwrap();
    let shed = b.admit(Tier::Normal).unwrap_err();
    assert_eq!((shed.reason(), shed.by_group(), b.refuser(&shed).as_str()), (Reason::AtCap, true, "@db"));

    world.tick();
    let (counts, gate) = (row(&world, "GET /b").counts, row(&world, "@db").counts);
    assert_eq!((counts.all_admitted(), counts.all_shed(), counts.turned_away(Tier::Normal)), (0, 0, 1));
    assert_eq!((gate.all_admitted(), gate.shed(Tier::Normal, Reason::AtCap)), (1, 1));
    let samples = world.engine.routes().refusals_after(0);
    let named: Vec<_> = samples
        .iter()
        .map(|sample| (sample.route.as_str(), sample.group.as_ref().map(|id| id.as_str())))
        .collect();
    assert_eq!(named, [("GET /b", Some("@db"))]);
}

#[test]
fn what_the_route_refuses_leaves_its_group_as_a_call_that_says_nothing() {
    let world = World::new(Config::default().route("GET /a", capped(1)));
    let db = world.engine.group("db");
    let (a, b) = (db.route("GET /a"), db.route("GET /b"));
    let _held = a.admit(Tier::Critical).unwrap();
    let shed = a.admit(Tier::Critical).unwrap_err();
    assert_eq!((shed.by_group(), a.refuser(&shed).as_str()), (false, "GET /a"));
    assert_eq!(in_flight(&[&a, &db.gate()]), [1, 1]);
    assert!(b.admit(Tier::Bulk).is_ok(), "the other routes of the group go on");

    world.tick();
    let (counts, gate) = (row(&world, "GET /a").counts, row(&world, "@db").counts);
    assert_eq!((counts.all_admitted(), counts.all_shed(), counts.all_turned_away()), (1, 1, 0));
    assert_eq!((gate.cancelled(), gate.failed(), gate.all_shed()), (2, 0, 0));
}

#[test]
fn sums_over_routes_count_every_request_once() {
    let world = World::new(Config::default().group("db", capped(3)).route("GET /a", capped(1)));
    let db = world.engine.group("db");
    let routes = ["GET /a", "GET /b", "GET /c"].map(|name| db.route(name));
    let mut held = Vec::new();
    for _ in 0..4 {
        held.extend(routes.iter().filter_map(|route| route.admit_owned(Tier::Critical).ok()));
    }
    world.tick();
    let rows = world.engine.snapshot().routes;
    let each = rows.iter().filter(|row| !row.is_group).map(|row| row.counts);
    let sum = each.fold((0, 0), |(admitted, refused), counts| {
        (admitted + counts.all_admitted(), refused + counts.all_shed() + counts.all_turned_away())
    });
    assert_eq!(sum, (3, 9));
}

#[test]
fn a_call_is_late_in_its_group_by_the_slo_of_its_route() {
    let report = RouteConfig::default().slo(Duration::from_secs(30));
    let world = World::new(Config::default().slo(ms(50)).route("report", report));
    let db = world.engine.group("db");
    let permits = ["report", "page"].map(|name| db.route(name).admit_owned(Tier::Normal).unwrap());
    world.clock.advance(ms(200));
    permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    world.tick();
    let counts = row(&world, "@db").counts;
    assert_eq!((counts.succeeded(), counts.late()), (1, 1));
}

#[test]
fn a_dead_route_closes_its_own_gate_alone() {
    let world = World::default();
    let db = world.engine.group("db");
    let (dead, well) = (db.route("dead"), db.route("well"));
    world.healthy_traffic(&well, 15, 10);
    world.healthy_traffic(&dead, 15, 10);
    for _ in 0..30 {
        let calls: Vec<_> = (0..20).filter_map(|_| dead.admit_owned(Tier::Critical).ok()).collect();
        let good = admit_all(&well, 10);
        world.clock.advance(ms(10));
        calls.into_iter().for_each(|call| call.finish(Outcome::Failure));
        good.into_iter().for_each(|call| call.finish(Outcome::Success));
        world.tick();
    }
    assert_eq!(dead.mode(), Mode::CircuitBreaker);
    assert_eq!(db.gate().mode(), Mode::Operational);
    assert!(well.admit(Tier::Bulk).is_ok());
}

#[test]
fn failures_that_are_a_routes_own_are_no_news_to_its_group() {
    let world = World::default();
    let db = world.engine.group("db");
    let (sick, well) = (db.route("sick"), db.route("well"));
    for tick in 0..60 {
        let begin = world.now();
        for call in 0..20 {
            let permits = [&sick, &well].map(|route| route.admit_owned(Tier::Critical));
            world.clock.advance(ms(5));
            // Half of the calls: too few to open a breaker.
            let outcome = if tick > 20 && call % 2 == 0 { Outcome::Failure } else { Outcome::Success };
            for (permit, outcome) in permits.into_iter().zip([outcome, Outcome::Success]) {
                permit.into_iter().for_each(|permit| permit.finish(outcome));
            }
        }
        world.clock.set(begin.after(crate::world::TICK));
        world.pulse();
    }
    let (own, group) = (row(&world, "sick"), row(&world, "@db"));
    assert!(own.error_share > 0.3, "{own:?}");
    assert!(group.error_share < 0.01 && group.terms.scar.get() < 0.1, "{group:?}");
    assert!(group.counts.cancelled() > 100 && well.admit(Tier::Bulk).is_ok(), "{group:?}");
}

#[test]
fn a_queue_that_all_routes_wait_in_is_the_groups_affair_alone() {
    let world = World::new(Config::default().slo(ms(2_000)));
    let db = world.engine.group("db");
    let routes = ["a", "b", "c"].map(|name| db.route(name));
    let mut held = std::collections::VecDeque::new();
    for tick in 0..100 {
        // Three calls of each route in every tick, of which the pool serves as many; after two
        // seconds of health six calls of each wait in front of it.
        let more = if tick == 20 { 6 } else { 0 };
        for route in &routes {
            for _ in 0..3 + more {
                held.extend(route.admit_owned(crate::world::volts(1e6)));
            }
        }
        world.clock.advance(ms(20));
        for _ in 0..9 {
            let permit: Option<atrion_engine::OwnedPermit> = held.pop_front();
            permit.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        }
        world.clock.advance(ms(80));
        world.pulse();
    }
    for route in &routes {
        // The route's own limit is far under its crowd, and does not refuse for it.
        let row = row(&world, route.id().as_str());
        assert!(row.latency.unwrap() > 2 * row.baseline.unwrap(), "{row:?}");
        assert!(row.terms.saturation.get() < 1.0, "{row:?}");
    }
}

#[test]
fn the_configuration_names_the_group_over_the_handle() {
    let grouped = Config::default().route("GET /a", RouteConfig::default().group("db"));
    let world = World::new(grouped.clone());
    let service = world.engine.group("service");
    let (plain, handle) = (world.engine.route("GET /a"), service.route("GET /a"));
    let name = |route: &Route| route.group().map(|id| id.to_string());
    assert_eq!([name(&plain), name(&handle)], [Some("@db".into()), Some("@db".into())]);

    let before = handle.admit_owned(Tier::Normal).unwrap();
    world.engine.replace_config(Config::default().route("GET /a", RouteConfig::default().alone())).unwrap();
    assert_eq!([name(&plain), name(&handle)], [None, None]);
    drop(handle.admit_owned(Tier::Normal).unwrap());
    world.engine.replace_config(Config::default()).unwrap();
    assert_eq!([name(&plain), name(&handle)], [None, Some("@service".into())]);
    let after = handle.admit_owned(Tier::Normal).unwrap();

    let db = world.engine.group("db");
    assert_eq!(in_flight(&[&handle, &db.gate(), &service.gate()]), [2, 1, 1]);
    before.finish(Outcome::Success);
    assert_eq!(
        in_flight(&[&handle, &db.gate(), &service.gate()]),
        [1, 0, 1],
        "a slot goes back where it was taken"
    );
    after.finish(Outcome::Success);
    assert_eq!(in_flight(&[&handle, &db.gate(), &service.gate()]), [0, 0, 0]);
}

#[test]
fn a_pattern_means_the_overflow_route_and_no_group() {
    let world = World::new(Config::default().max_routes(2).route("*", RouteConfig::default().group("db")));
    let known = world.engine.route("known");
    let lost = world.engine.route("lost");
    assert_eq!(lost.id().as_str(), OVERFLOW_ROUTE);
    for route in [&known, &lost] {
        assert_eq!(route.group().unwrap().as_str(), "@db");
    }
    let gate = world.engine.group("db").gate();
    assert_eq!(gate.group(), None);
    // A group without a place shares the overflow route's gate, which is not passed twice.
    let other = world.engine.group("other");
    let within = lost.within(&other);
    let held = within.admit(Tier::Normal).unwrap();
    assert_eq!(in_flight(&[&within, &gate]), [1, 1]);
    drop(held);
}

#[test]
fn a_group_is_overridden_as_a_route_is() {
    let world = World::default();
    let db = world.engine.group("db");
    let (a, gate) = (db.route("GET /a"), db.gate());
    let set = |route: &Route, kind| {
        let reason = "a test".to_owned();
        world.engine.overrides().set(route, Override { kind, reason, time_to_live: ms(2_000) }).unwrap();
    };
    set(&gate, OverrideKind::ForceOpen);
    let shed = a.admit(Tier::Critical).unwrap_err();
    assert_eq!((shed.reason(), shed.by_group()), (Reason::ForcedOpen, true));
    // What is set on a route is about its own gate.
    set(&a, OverrideKind::ForceClosed);
    assert!(a.admit(Tier::Critical).is_err());
    assert!(world.engine.overrides().lift(&gate));
    assert!(a.admit(Tier::Bulk).is_ok());
}

#[test]
fn a_group_is_not_forgotten_before_its_routes() {
    let world = World::new(Config::default().max_routes(3));
    let group = world.engine.group("db");
    let held = group.route("held");
    drop((group.route("idle"), group));
    world.ticks(200);
    for name in ["x", "y", "z"] {
        let _ = world.engine.route(name);
        world.tick();
    }
    let names: Vec<_> = world.engine.snapshot().routes.iter().map(|row| row.id.to_string()).collect();
    assert!(names.contains(&"@db".to_owned()) && !names.contains(&"idle".to_owned()), "{names:?}");
    assert_eq!(held.group().unwrap().as_str(), "@db");
}
