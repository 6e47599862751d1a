// SPDX-License-Identifier: Apache-2.0
//! A call that waits for its client is no load: neither for the gate nor for what it learns.

use std::time::Duration;

use atrion_core::adaptive::Window;
use atrion_core::{Cost, Outcome, Priority, Reason, Tier, Volts};
use atrion_engine::{Config, OwnedPermit, Route, RouteConfig};
use atrion_state::Clock as _;

use crate::world::{TICK, World, admit_all, ms};

/// The windows of `route` while `traffic` runs.
fn windows(world: &World, route: &Route, traffic: impl FnOnce()) -> Vec<Window> {
    let kept = route.keep(Duration::from_secs(60));
    traffic();
    kept.recorded(world.now(), world.clock.wall()).pulses().map(|pulse| pulse.window).collect()
}

#[test]
fn calls_that_wait_for_their_client_close_the_gate_for_nobody() {
    for waits in [true, false] {
        let world = World::new(Config::default().slo(ms(1_000)));
        let route = world.learned("r");
        let held = admit_all(&route, 300);
        let watched: Vec<_> = held.into_iter().map(|permit| permit.watch_request()).collect();
        if waits {
            watched.iter().for_each(|(_, request)| request.wait());
        }
        let mut refused = 0;
        for _ in 0..100 {
            for _ in 0..5 {
                match route.admit(Tier::Normal) {
                    Ok(permit) => {
                        world.clock.advance(ms(10));
                        permit.finish(Outcome::Success);
                    }
                    Err(_) => refused += 1,
                }
            }
            world.tick();
        }
        let snapshot = route.snapshot();
        if waits {
            assert_eq!((refused, snapshot.in_flight, snapshot.waiting), (0, 0, 300));
        } else {
            assert!(
                refused > 100,
                "without the wait they are in the way until they are overtaken: {refused}"
            );
        }
        drop(watched);
        assert_eq!((route.snapshot().in_flight, route.snapshot().waiting), (0, 0));
    }
}

#[test]
fn a_call_is_as_late_as_it_was_worked_at() {
    let world = World::new(Config::default().slo(ms(50)));
    let route = world.engine.route("r");
    let work = |wait: fn(&atrion_engine::RequestWait, &OwnedPermit)| {
        let (permit, request) = route.admit_owned(Tier::Normal).unwrap().watch_request();
        world.clock.advance(ms(20));
        wait(&request, &permit);
        world.clock.advance(ms(1_000));
        request.go_on();
        permit.go_on();
        world.clock.advance(ms(20));
        (permit, request)
    };
    let finished = work(|request, _| request.wait());
    finished.0.finish(Outcome::Success);
    work(|_, permit| permit.wait_for_reader()).0.finish(Outcome::Success);
    drop(work(|request, permit| {
        request.wait();
        permit.wait_for_reader();
    }));
    let (late, _request) = work(|_, _| {});
    late.finish(Outcome::Success);
    world.tick();
    let counts = route.snapshot().counts;
    assert_eq!((counts.succeeded(), counts.cancelled(), counts.late()), (2, 1, 1));
}

#[test]
fn windows_are_those_of_the_work_alone() {
    let world = World::default();
    let (paused, plain) = (world.engine.route("paused"), world.engine.route("plain"));
    // Three calls each; those of `paused` wait at different points, across ticks, one of them to
    // its end.
    let traffic = || {
        let waiting = admit_all(&paused, 3);
        let beside = admit_all(&plain, 3);
        world.clock.advance(ms(30));
        waiting[0].wait_for_reader();
        let mut beside = beside.into_iter();
        // Its twin is taken off where it begins to wait; a cancelled call is in no latency.
        drop(beside.next());
        world.clock.advance(ms(70));
        world.pulse();
        world.ticks(3);
        let mut waiting = waiting.into_iter();
        drop(waiting.next());
        world.clock.advance(ms(40));
        for permit in waiting.by_ref().take(1).chain(beside.by_ref().take(1)) {
            permit.finish(Outcome::Success);
        }
        world.clock.advance(ms(60));
        world.pulse();
        (waiting.next().unwrap(), beside.next().unwrap())
    };
    let kept = [paused.keep(ms(60_000)), plain.keep(ms(60_000))];
    let last = traffic();
    let [with, without] = kept.map(|kept| {
        let recorded = kept.recorded(world.now(), world.clock.wall());
        recorded.pulses().map(|pulse| pulse.window).collect::<Vec<_>>()
    });
    assert_eq!(with.len(), 5);
    for (with, without) in with.iter().zip(&without) {
        assert_eq!(
            (with.mean_in_flight, with.in_flight, with.latency_sum, with.mean_age),
            (without.mean_in_flight, without.in_flight, without.latency_sum, without.mean_age)
        );
    }
    drop(last);
}

#[test]
fn a_call_that_goes_on_is_as_old_as_it_was() {
    let world = World::default();
    let route = world.engine.route("r");
    let seen = windows(&world, &route, || {
        let permit = route.admit_owned(Tier::Normal).unwrap();
        world.clock.advance(ms(40));
        permit.wait_for_reader();
        world.clock.advance(ms(60));
        world.pulse();
        world.tick();
        permit.go_on();
        world.tick();
        permit.finish(Outcome::Success);
        world.tick();
    });
    let of = |window: &Window| (window.mean_in_flight, window.in_flight, window.mean_age);
    let expected = [(0.4, 0, 0.0), (0.0, 0, 0.0), (1.0, 1, 0.14), (0.0, 0, 0.0)];
    assert_eq!(seen.iter().map(of).collect::<Vec<_>>(), expected);
    assert_eq!(seen.iter().map(|window| window.latency_sum).sum::<f64>(), 0.14);
}

#[test]
fn a_cap_counts_calls_that_wait() {
    let world = World::new(Config::default().route("r", RouteConfig::default().cap(2)));
    let route = world.engine.route("r");
    let waiting = [(); 2].map(|()| route.admit_owned(Tier::Bulk).unwrap());
    waiting.iter().for_each(|permit| permit.wait_for_reader());
    let shed = route.admit(Tier::Critical).unwrap_err();
    assert_eq!(shed.reason(), Reason::AtCap);
    drop(waiting);
    assert!(route.admit(Tier::Critical).is_ok());
}

#[test]
fn a_call_waits_at_the_gate_of_its_group_as_well() {
    let world = World::new(Config::default().slo(ms(50)));
    let group = world.engine.group("db");
    let route = group.route("r");
    let seen = || {
        let snapshots = world.engine.snapshot().routes.into_iter().filter(|route| route.is_group);
        snapshots.map(|group| (group.in_flight, group.waiting)).collect::<Vec<_>>()
    };
    let permit = route.admit_owned(Tier::Normal).unwrap();
    permit.wait_for_reader();
    assert_eq!(seen(), [(0, 1)]);
    world.clock.advance(ms(500));
    permit.go_on();
    assert_eq!(seen(), [(1, 0)]);
    permit.finish(Outcome::Success);
    world.tick();
    let group = world.engine.snapshot().routes.into_iter().find(|route| route.is_group).unwrap();
    assert_eq!((group.counts.succeeded(), group.counts.late()), (1, 0));
}

#[test]
fn what_reads_the_request_does_not_outlive_the_permit() {
    let world = World::default();
    let route = world.engine.route("r");
    let (permit, request) = route.admit_owned(Tier::Normal).unwrap().watch_request();
    request.wait();
    permit.finish(Outcome::Success);
    assert_eq!((route.snapshot().in_flight, route.snapshot().waiting), (0, 0));
    request.wait();
    request.go_on();
    request.wait();
    drop(request);
    assert_eq!((route.snapshot().in_flight, route.snapshot().waiting), (0, 0));
    world.clock.advance(TICK);
    world.pulse();
    assert_eq!(route.snapshot().counts.succeeded(), 1);
}

#[test]
fn past_a_bound_a_call_that_waits_is_load() {
    let world = World::default();
    let route = world.engine.route("r");
    let held = admit_all(&route, 16_400);
    held.iter().for_each(|permit| permit.wait_for_reader());
    assert_eq!((route.snapshot().in_flight, route.snapshot().waiting), (16, 16_384));
}

#[test]
fn the_bound_of_calls_that_wait_is_one_of_calls_and_not_of_units() {
    let world = World::default();
    let route = world.engine.route("r");
    let heavy = Priority::volts(Volts::new(1e6).unwrap()).cost(Cost::new(10_000).unwrap());
    let waiting: Vec<_> = (0..3).map(|_| route.admit_owned(heavy).unwrap()).collect();
    waiting.iter().for_each(OwnedPermit::wait_for_reader);
    let snapshot = route.snapshot();
    assert_eq!((snapshot.in_flight, snapshot.waiting), (0, 30_000));
}
