// SPDX-License-Identifier: Apache-2.0
//! A call that goes on after its first byte: judged there, no load from there on, and admitted until
//! it is closed.

use atrion_core::{Cost, Outcome, Priority, Reason, Tier};
use atrion_engine::{Config, OwnedPermit, Route, RouteConfig, StreamPermit};

use crate::world::{World, ms};

fn admit(route: &Route) -> OwnedPermit {
    route.admit_owned(Tier::Normal).unwrap()
}

/// In flight, and open as a stream.
fn seen(route: &Route) -> [u64; 2] {
    let route = route.snapshot();
    [route.in_flight, route.streams]
}

/// In time, late, failed, cancelled.
fn ended(world: &World, route: &Route) -> [u64; 4] {
    world.tick();
    let counts = route.snapshot().counts;
    [counts.succeeded(), counts.late(), counts.failed(), counts.cancelled()]
}

fn streams(world: &World, route: &Route, count: usize) -> Vec<StreamPermit> {
    let open = |_| {
        let permit = admit(route);
        world.clock.advance(ms(10));
        permit.into_stream(Outcome::Success)
    };
    (0..count).map(open).collect()
}

#[test]
fn a_stream_is_judged_at_its_first_byte_at_both_gates() {
    let world = World::new(Config::default().slo(ms(50)));
    let db = world.engine.group("db");
    let route = db.route("r");
    let [early, late, leaves] = [(); 3].map(|()| admit(&route));
    world.clock.advance(ms(50));
    let early = early.into_stream(Outcome::Success);
    world.clock.advance(ms(1));
    let late = late.into_stream(Outcome::Success);
    drop(leaves);
    assert_eq!([seen(&route), seen(&db.gate())], [[0, 2]; 2]);
    assert_eq!(ended(&world, &route), [1, 1, 0, 1]);
    world.clock.advance(ms(3_600_000));
    early.finish(Outcome::Success);
    drop(late);
    assert_eq!([seen(&route), seen(&db.gate())], [[0, 0]; 2]);
    assert_eq!(ended(&world, &route), [1, 1, 0, 1], "its length is no latency, its end no verdict");
    assert_eq!(ended(&world, &db.gate()), [1, 1, 0, 1]);
}

#[test]
fn open_streams_close_the_gate_for_nobody_and_teach_no_latency() {
    let world = World::new(Config::default().slo(ms(1_000)));
    let route = world.learned("r");
    let latency = route.snapshot().latency;
    let mut open = Vec::new();
    for _ in 0..100 {
        open.extend(streams(&world, &route, 5));
        world.tick();
    }
    let snapshot = route.snapshot();
    assert_eq!((snapshot.in_flight, snapshot.streams, snapshot.counts.all_shed()), (0, 500, 0));
    let moved = snapshot.latency.unwrap().abs_diff(latency.unwrap());
    assert!(moved < ms(1), "{latency:?} became {:?}", snapshot.latency);
    open.truncate(20);
    assert_eq!(seen(&route), [0, 20]);
}

#[test]
fn a_cap_counts_the_units_of_streams_as_they_grow_and_what_closes_makes_room() {
    let config = Config::default().route("r", RouteConfig::default().cap(10));
    let world = World::new(config);
    let route = world.engine.route("r");
    let heavy = Priority::from(Tier::Normal).cost(Cost::new(4).unwrap());
    let mut stream = route.admit_owned(heavy).unwrap().into_stream(Outcome::Success);
    let permit = route.admit_owned(heavy).unwrap();
    stream.add(2);
    assert_eq!(stream.cost().get(), 6);
    assert_eq!(route.admit(Tier::Critical).unwrap_err().reason(), Reason::AtCap);
    stream.settle(Cost::new(5).unwrap());
    drop(route.admit(Tier::Critical).unwrap());
    drop((stream, permit));
    let all: Vec<_> = (0..10).map(|_| admit(&route)).collect();
    assert_eq!((all.len(), seen(&route)), (10, [10, 0]));
}

#[test]
fn a_service_whose_streams_break_is_seen_to_be_sick() {
    let world = World::new(Config::default().slo(ms(1_000)));
    let route = world.learned("r");
    for _ in 0..20 {
        for _ in 0..10 {
            if let Ok(permit) = route.admit_owned(Tier::Critical) {
                permit.into_stream(Outcome::Success).finish(Outcome::Failure);
            }
        }
        world.tick();
    }
    let snapshot = route.snapshot();
    assert!(snapshot.error_share > 0.9, "{}", snapshot.error_share);
    assert!(snapshot.terms.scar.get() > 5.0 || snapshot.debt > 0.0, "{:?}", snapshot.terms);
    assert_eq!(snapshot.counts.failed(), snapshot.counts.all_admitted() - 150);
}

#[test]
fn past_the_bound_a_stream_is_in_flight_at_the_gate() {
    let world = World::default();
    let route = world.engine.route("r");
    let held: Vec<_> = (0..16_384)
        .map(|_| {
            let forced = route.admit_owned(Tier::Critical).unwrap();
            forced.into_stream(Outcome::Success)
        })
        .collect();
    assert_eq!(seen(&route), [0, 16_384]);
    let beyond = admit(&route).into_stream(Outcome::Success);
    assert_eq!(seen(&route), [1, 16_385]);
    drop(held);
    assert_eq!(seen(&route), [1, 1]);
    drop(beyond);
    assert_eq!(seen(&route), [0, 0]);
}

#[test]
fn a_deadline_is_looked_at_when_the_first_byte_is_there() {
    let world = World::default();
    let route = world.engine.route("r");
    let due = route.now().after(ms(20));
    let in_time = route.admit_owned(Priority::from(Tier::Normal).deadline(due)).unwrap();
    let too_late = route.admit_owned(Priority::from(Tier::Normal).deadline(due)).unwrap();
    world.clock.advance(ms(20));
    let in_time = in_time.into_stream(Outcome::Success);
    world.clock.advance(ms(1));
    let too_late = too_late.into_stream(Outcome::Success);
    world.clock.advance(ms(10_000));
    drop((in_time, too_late));
    assert_eq!(ended(&world, &route), [1, 1, 0, 0]);
}
