// SPDX-License-Identifier: Apache-2.0
//! Requests that cost more than one unit: what is counted, and what it does to the gate.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use atrion_core::{AdaptiveConfig, Cost, Mode, Outcome, Priority, SplitMix64, Spread, Tier};
use atrion_engine::{Config, OwnedPermit, Route, RouteConfig};
use proptest::prelude::*;

use crate::world::{World, adaptive, admit_all, ms, volts};

fn units(units: u32) -> Cost {
    Cost::new(units).unwrap()
}

fn heavy(tier: Tier, cost: u32) -> Priority {
    Priority::from(tier).cost(units(cost))
}

fn in_flight(route: &Route) -> u64 {
    route.snapshot().in_flight
}

#[test]
fn a_call_holds_what_it_costs_and_gives_all_of_it_back() {
    let world = World::default();
    let db = world.engine.group("db");
    let route = db.route("r");
    let seen = || (in_flight(&route), in_flight(&db.gate()));
    let mut permit = route.admit(heavy(Tier::Normal, 30)).unwrap();
    assert_eq!((permit.cost(), seen()), (units(30), (30, 30)));
    permit.settle(units(12));
    assert_eq!(seen(), (12, 12));
    permit.add(8);
    assert_eq!((permit.cost(), seen()), (units(20), (20, 20)));
    permit.add(u32::MAX);
    assert_eq!((permit.cost(), seen().0), (Cost::MAX, u64::from(Cost::MAX.get())));
    permit.settle(Cost::ONE);
    permit.finish(Outcome::Success);
    assert_eq!(seen(), (0, 0));

    // A call of one unit that turns out to be more.
    let mut permit = route.admit_owned(Tier::Low).unwrap();
    assert!(permit.settle(units(7)));
    let call = || {
        let mut inner = route.admit(heavy(Tier::High, 500)).unwrap();
        inner.add(5);
        assert_eq!(seen(), (512, 512));
        resume_unwind(Box::new("boom"));
    };
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(seen(), (7, 7));
    drop(permit);
    assert_eq!(seen(), (0, 0));
    world.tick();
    let counts = route.snapshot().counts;
    assert_eq!(
        (counts.all_admitted(), counts.succeeded(), counts.cancelled()),
        (3, 1, 2),
        "calls, not units"
    );
}

#[test]
fn a_call_is_settled_while_it_waits_and_not_while_another_handle_reads_its_request() {
    let world = World::default();
    let route = world.engine.route("r");
    let seen = || (in_flight(&route), route.snapshot().waiting);
    let mut permit = route.admit_owned(heavy(Tier::Normal, 10)).unwrap();
    permit.wait_for_reader();
    assert_eq!(seen(), (0, 10));
    assert!(permit.add(5));
    assert_eq!(seen(), (0, 15));
    permit.go_on();
    assert_eq!(seen(), (15, 0));
    let (mut permit, reading) = permit.watch_request();
    reading.wait();
    assert!(!permit.settle(units(2)), "the other handle may be about to go on");
    assert_eq!(seen(), (0, 15));
    drop(reading);
    assert!(permit.settle(units(2)));
    assert_eq!(seen(), (2, 0));
    permit.finish(Outcome::Success);
    assert_eq!(seen(), (0, 0));
}

#[test]
fn a_heavy_request_waits_for_no_more_room_than_a_light_one_and_goes_beyond_by_itself_alone() {
    let world = World::new(Config::default().route("r", RouteConfig::default().cap(100)));
    let route = world.engine.route("r");
    let mut held: Vec<OwnedPermit> = Vec::new();
    // Light ones come all the time, and a heavy one passes as soon as one of them would.
    while let Ok(permit) = route.admit_owned(Tier::Critical) {
        held.push(permit);
    }
    assert_eq!(in_flight(&route), 100);
    assert!(route.admit_owned(heavy(Tier::Critical, 40)).is_err());
    drop(held.pop());
    held.push(route.admit_owned(heavy(Tier::Critical, 40)).unwrap());
    assert_eq!(in_flight(&route), 139, "under the cap before, and its own cost beyond");
    for cost in [1, 40] {
        assert!(route.admit_owned(heavy(Tier::Critical, cost)).is_err());
    }
}

#[test]
fn before_anything_is_known_there_is_room_for_as_many_heavy_requests_as_for_light_ones() {
    for cost in [1, 900] {
        let world = World::default();
        let route = world.engine.route("r");
        let held: Vec<_> = std::iter::from_fn(|| route.admit_owned(heavy(Tier::Bulk, cost)).ok()).collect();
        assert!((200..230).contains(&held.len()), "{} of {cost} units", held.len());
    }
}

/// Clients that come at random to four workers; what each request costs, and how long it takes.
fn life(cost: u32, seconds: u64, rate: f64) -> (u64, u64, f64) {
    let world = World::new(adaptive(AdaptiveConfig::default()));
    let route = world.engine.route("r");
    let mut random = SplitMix64::new(5);
    let (mut free, mut under_way) = ([world.now(); 4], Vec::new());
    let end = world.now().after(ms(1_000 * seconds));
    let (mut next, mut pulse) = (world.now(), world.now().after(ms(100)));
    while world.now() < end {
        under_way.sort_by_key(|(end, _): &(_, OwnedPermit)| std::cmp::Reverse(*end));
        let done = under_way.last().map(|(end, _)| *end);
        if done.is_none_or(|done| pulse <= done) && pulse <= next {
            world.clock.set(pulse);
            world.pulse();
            pulse = pulse.after(ms(100));
        } else if let Some(done) = done.filter(|done| *done <= next) {
            world.clock.set(done);
            under_way.pop().unwrap().1.finish(Outcome::Success);
        } else {
            world.clock.set(next);
            let tier = Tier::ALL[random.below(5) as usize];
            let service = ms(20 + random.below(40));
            if let Ok(permit) = route.admit_owned(heavy(tier, cost)) {
                let worker = (0..4).min_by_key(|worker| free[*worker]).unwrap();
                free[worker] = free[worker].max(next).after(service);
                under_way.push((free[worker], permit));
            }
            let pause = -(1.0 - random.unit()).ln() / rate;
            next = next.after(std::time::Duration::from_secs_f64(pause));
        }
    }
    let snapshot = route.snapshot();
    (snapshot.counts.all_admitted(), snapshot.counts.all_shed(), snapshot.target / f64::from(cost))
}

#[test]
fn what_a_unit_is_changes_nothing() {
    // Four workers of 40 ms do a hundred requests a second.
    for rate in [60.0, 180.0] {
        let (admitted, shed, target) = life(1, 20, rate);
        for cost in [7, 1_000] {
            let (heavy, refused, its_target) = life(cost, 20, rate);
            let off = |a: u64, b: u64| a.abs_diff(b) as f64 / (admitted + shed) as f64;
            assert!(
                off(heavy, admitted) < 0.02 && off(refused, shed) < 0.02,
                "{rate}, {cost}: {heavy} {admitted}"
            );
            assert!((its_target / target - 1.0).abs() < 0.2, "{its_target} {target}");
        }
    }
}

#[test]
fn one_heavy_call_among_light_ones_is_no_gray_failure() {
    let world = World::default();
    let route = world.engine.route("r");
    for second in 0..40 {
        // A hundred times the work, and a hundred times as long.
        let export = route.admit_owned(heavy(Tier::Low, 100)).unwrap();
        world.healthy_traffic(&route, 10, 10);
        export.finish(Outcome::Success);
        let snapshot = route.snapshot();
        assert_eq!(
            (snapshot.counts.all_shed(), snapshot.mode == Mode::CircuitBreaker),
            (0, false),
            "{second}"
        );
        if second > 5 {
            let (now, usual) = (snapshot.latency.unwrap(), snapshot.baseline.unwrap());
            assert!(now < usual.mul_f64(1.5), "{second}: {now:?} over {usual:?}");
        }
    }
}

#[test]
fn a_failed_call_owes_what_it_cost() {
    let world = World::default();
    let route = world.learned("r");
    let debts = [1, 50].map(|cost| {
        let world = World::default();
        let route = world.learned("r");
        world.ticks(10);
        let _silence = admit_all(&route, 30);
        world.ticks(40);
        let before = route.snapshot().debt;
        let permit = route.admit_owned(volts(1e6).cost(units(cost))).unwrap();
        permit.finish(Outcome::Failure);
        route.snapshot().debt - before
    });
    assert!(debts[0] >= 0.0 && (debts[1] - 50.0 * debts[0]).abs() < 1e-3, "{debts:?}");
    drop(route);
}

#[derive(Debug, Clone)]
enum Act {
    Admit(Tier, u32),
    Settle(usize, u32),
    Add(usize, u32),
    Wait(usize),
    GoOn(usize),
    Finish(usize, Outcome),
    Drop(usize),
    Pulse(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let tier = prop::sample::select(Tier::ALL.to_vec());
    let cost = || prop_oneof![2 => Just(1u32), 3 => 1u32..50, 1 => 1u32..=1 << 20];
    let act = prop_oneof![
        4 => (tier, cost()).prop_map(|(tier, cost)| Act::Admit(tier, cost)),
        2 => (any::<usize>(), cost()).prop_map(|(call, cost)| Act::Settle(call, cost)),
        1 => (any::<usize>(), any::<u32>()).prop_map(|(call, more)| Act::Add(call, more)),
        1 => any::<usize>().prop_map(Act::Wait),
        1 => any::<usize>().prop_map(Act::GoOn),
        2 => (any::<usize>(), prop::sample::select(vec![Outcome::Success, Outcome::Failure, Outcome::Ignored]))
            .prop_map(|(call, outcome)| Act::Finish(call, outcome)),
        1 => any::<usize>().prop_map(Act::Drop),
        2 => (0u64..400).prop_map(Act::Pulse),
    ];
    prop::collection::vec(act, 1..60)
}

proptest! {
    #[test]
    fn what_is_in_flight_is_what_the_calls_cost(acts in acts()) {
        let world = World::default();
        let route = world.engine.route("r");
        let mut calls: Vec<(OwnedPermit, bool)> = Vec::new();
        for act in acts {
            let at = |call: usize, len: usize| (len > 0).then(|| call % len);
            let len = calls.len();
            match act {
                // Above the ladder: what is asked here is not whether it passes.
                Act::Admit(tier, cost) => {
                    let base = Priority::from(tier).as_important_as(volts(1e6));
                    if let Ok(permit) = route.admit_owned(base.cost(units(cost))) {
                        calls.push((permit, false));
                    }
                }
                Act::Settle(call, cost) => if let Some(i) = at(call, len) {
                    prop_assert!(calls[i].0.settle(units(cost)));
                },
                Act::Add(call, more) => if let Some(i) = at(call, len) { calls[i].0.add(more); },
                Act::Wait(call) => if let Some(i) = at(call, len) {
                    calls[i].0.wait_for_reader();
                    // Past a bound of units a call that waits is load.
                    calls[i].1 = true;
                },
                Act::GoOn(call) => if let Some(i) = at(call, len) {
                    calls[i].0.go_on();
                    calls[i].1 = false;
                },
                Act::Finish(call, outcome) => if let Some(i) = at(call, len) {
                    calls.swap_remove(i).0.finish(outcome);
                },
                Act::Drop(call) => if let Some(i) = at(call, len) { drop(calls.swap_remove(i)); },
                Act::Pulse(millis) => {
                    world.clock.advance(ms(millis));
                    world.pulse();
                }
            }
            let all: u64 = calls.iter().map(|(permit, _)| u64::from(permit.cost().get())).sum();
            let snapshot = route.snapshot();
            prop_assert_eq!(snapshot.in_flight + snapshot.waiting + snapshot.overtaken, all);
            prop_assert!(snapshot.resistance.get().is_finite() && snapshot.target.is_finite());
        }
        calls.clear();
        world.tick();
        let snapshot = route.snapshot();
        prop_assert_eq!((snapshot.in_flight, snapshot.waiting, snapshot.overtaken), (0, 0, 0));
    }

    #[test]
    fn the_order_of_tiers_holds_for_any_cost(
        crowd in prop::collection::vec((1u32..400, 0usize..5), 0..60), low in 1u32..2_000, high in 1u32..2_000,
    ) {
        let default = RouteConfig { spread: Spread::Middle, ..RouteConfig::default() };
        let world = World::new(Config { default, ..Config::default() });
        let route = world.learned("r");
        // A crowd of its own making, of which the route has learned what a grain is.
        let first: Vec<_> = crowd.iter().filter_map(|(cost, tier)| route.admit_owned(heavy(Tier::ALL[*tier], *cost)).ok()).collect();
        world.tick();
        first.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        world.tick();
        let _crowd: Vec<_> = crowd.iter().filter_map(|(cost, tier)| route.admit_owned(heavy(Tier::ALL[*tier], *cost)).ok()).collect();
        for pair in Tier::ALL.windows(2) {
            let less = route.admit_owned(heavy(pair[1], low)).is_ok();
            let more = route.admit_owned(heavy(pair[0], high)).is_ok();
            prop_assert!(more || !less, "{} of {low} passed before {} of {high}", pair[1], pair[0]);
        }
    }
}
