// SPDX-License-Identifier: Apache-2.0
//! Clocks as real machines sometimes have them: back, days ahead, at the end of their numbers.

use std::time::Duration;

use atrion_core::{Mode, Mono, Outcome, Telemetry, Tier};
use atrion_engine::{OwnedPermit, Route};
use proptest::prelude::*;

use crate::world::{World, admit_all, ms, volts};

const DAY: Duration = Duration::from_secs(86_400);

fn finite(route: &Route) {
    let seconds = |span: Option<Duration>| span.map_or(0.0, |span| span.as_secs_f64());
    let now = route.snapshot();
    let numbers = [
        now.resistance.get(),
        now.debt,
        now.target,
        seconds(now.latency),
        seconds(now.baseline),
        now.throughput,
        now.error_share,
        now.momentum,
    ];
    assert!(numbers.iter().all(|number| number.is_finite() && *number >= 0.0), "{now:?}");
}

/// A request passes within 2.4 s by the clock: a silence may begin anew when the clock goes back,
/// once.
fn one_passes(world: &World, route: &Route, v: f64) {
    for at in 0..=240 {
        if let Ok(permit) = route.admit_owned(volts(v)) {
            permit.finish(Outcome::Ignored);
            return;
        }
        world.clock.advance(ms(10));
        if at % 10 == 9 {
            world.pulse();
        }
    }
    panic!("limbo: {:?}", route.snapshot());
}

#[test]
fn an_open_breaker_probes_on_after_the_clock_has_gone_back_a_day() {
    let world = World::default();
    world.clock.advance(DAY * 3);
    let route = world.learned("r");
    world.kill(&route);
    for _ in 0..5 {
        one_passes(&world, &route, 90.0);
    }
    world.clock.set(Mono::from_nanos(world.now().as_nanos() - DAY.as_nanos() as u64));
    for _ in 0..5 {
        one_passes(&world, &route, 90.0);
    }
    let probe = admit(&world, &route);
    world.clock.advance(ms(10));
    probe.finish(Outcome::Success);
    assert_eq!(route.mode(), Mode::Operational);
    // And can be called dead again.
    world.healthy_traffic(&route, 3, 10);
    world.kill(&route);
}

fn admit(world: &World, route: &Route) -> OwnedPermit {
    (0..)
        .find_map(|_| {
            world.clock.advance(ms(10));
            route.admit_owned(Tier::Critical).ok()
        })
        .unwrap()
}

#[test]
fn a_single_reading_from_the_future_is_forgotten_with_the_next_pulse() {
    let world = World::default();
    let route = world.learned("r");
    for _ in 0..20 {
        world.clock.advance(ms(100));
        let hurt = Telemetry { latency: 0.01, error_rate: 1.0, saturation: 0.0 };
        world.engine.update_physics("r", hurt).unwrap();
    }
    let scar = route.snapshot().terms.scar.get();
    assert!(scar > 20.0);
    let now = world.now();
    admit_all(&route, 1).pop().unwrap().finish_at(Outcome::Success, now.after(DAY));
    drop(route.admit_at(volts(1e6), now.after(DAY)));
    world.pulse();
    world.ticks(40);
    let healed = route.snapshot().terms.scar.get();
    assert!(healed < 0.2 * scar, "{scar} became {healed}: it heals by the clock of now");
    one_passes(&world, &route, 5.0);
}

#[test]
fn a_pulse_from_the_future_does_not_stop_physics_when_the_clock_is_back() {
    let world = World::default();
    let route = world.learned("r");
    let now = world.now();
    world.clock.set(now.after(DAY));
    world.pulse();
    world.clock.set(now);
    for _ in 0..20 {
        world.clock.advance(ms(100));
        let hurt = Telemetry { latency: 0.01, error_rate: 1.0, saturation: 0.0 };
        world.engine.update_physics("r", hurt).unwrap();
    }
    assert!(route.snapshot().terms.scar.get() > 20.0, "{:?}", route.snapshot());
    world.ticks(100);
    assert!(route.snapshot().terms.scar.get() < 1.0);
}

#[test]
fn failures_count_again_although_the_latest_success_was_stamped_tomorrow() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    let now = world.now();
    admit(&world, &route).finish_at(Outcome::Success, now.after(DAY));
    assert_eq!(route.mode(), Mode::Operational);
    world.clock.advance(ms(2_000));
    world.pulse();
    admit_all(&route, 40).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    assert_eq!(route.mode(), Mode::CircuitBreaker);
}

#[test]
fn a_route_that_was_last_stepped_tomorrow_makes_room_all_the_same() {
    let world = World::new(atrion_engine::Config::default().max_routes(1));
    admit_all(&world.engine.route("old"), 1).pop().unwrap().finish(Outcome::Ignored);
    let now = world.now();
    world.clock.set(now.after(DAY));
    world.ticks(3);
    world.clock.set(now);
    world.ticks(3);
    let _ = world.engine.route("new");
    world.tick();
    assert_eq!(world.engine.route("new").id().as_str(), "new");
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Set(u64),
    Back(u64),
    Ahead(u64),
    Pulse,
    Crowd(usize),
    Clear(Outcome),
    Faint,
    Report(f64),
}

fn acts() -> impl Strategy<Value = Act> {
    let extremes = [0, 1, u64::from(u32::MAX), u64::MAX / 2, u64::MAX - 1, u64::MAX];
    let spans = prop_oneof![0..5_000_000_000u64, 0..400_000_000_000_000u64];
    let outcomes = proptest::sample::select(&[Outcome::Success, Outcome::Failure, Outcome::Ignored][..]);
    prop_oneof![
        1 => proptest::sample::select(extremes.to_vec()).prop_map(Act::Set),
        2 => spans.clone().prop_map(Act::Back),
        2 => spans.prop_map(Act::Ahead),
        4 => (0..200_000_000u64).prop_map(Act::Ahead),
        5 => Just(Act::Pulse),
        3 => (1..60usize).prop_map(Act::Crowd),
        3 => outcomes.prop_map(Act::Clear),
        2 => Just(Act::Faint),
        1 => (0.0..1.0f64).prop_map(Act::Report),
    ]
}

/// Through what a clock does, and what requests do meanwhile.
fn live(acts: &[Act], v: f64) {
    let world = World::default();
    let route = world.learned("r");
    let mut held = Vec::new();
    for act in acts {
        match *act {
            Act::Set(nanos) => world.clock.set(Mono::from_nanos(nanos)),
            Act::Back(nanos) => {
                world.clock.set(Mono::from_nanos(world.now().as_nanos().saturating_sub(nanos)));
            }
            Act::Ahead(nanos) => world.clock.advance(Duration::from_nanos(nanos)),
            Act::Pulse => _ = world.pulse(),
            Act::Crowd(count) => held.extend((0..count).filter_map(|_| route.admit_owned(volts(1e6)).ok())),
            Act::Clear(outcome) => {
                held.drain(..).for_each(|permit: OwnedPermit| permit.finish(outcome));
            }
            Act::Faint => _ = route.admit(volts(v)),
            Act::Report(error_rate) => {
                let report = Telemetry { latency: 0.1, error_rate, saturation: 0.5 };
                world.engine.update_physics("r", report).unwrap();
            }
        }
        finite(&route);
    }
    // At the end of its numbers a clock stands still, and silence cannot be told.
    if world.now().as_nanos() < u64::MAX / 2 + u64::MAX / 4 {
        one_passes(&world, &route, v);
    }
    finite(&route);
    held.clear();
    assert_eq!(route.snapshot().in_flight, 0);
}

#[test]
fn calls_of_the_future_behind_a_clock_that_went_back_are_no_limbo() {
    live(
        &[
            Act::Set(0),
            Act::Ahead(1_400_000_001),
            Act::Pulse,
            Act::Crowd(36),
            Act::Ahead(1),
            Act::Report(0.0),
            Act::Back(1_319_797_050),
            Act::Ahead(319_797_049),
            Act::Crowd(1),
            Act::Back(400_000_001),
        ],
        0.0,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_clock_makes_a_panic_a_limbo_or_a_number_that_is_none(
        acts in proptest::collection::vec(acts(), 1..60),
        v in 0.0..100.0f64,
    ) {
        live(&acts, v);
    }
}

#[test]
fn a_late_pulse_does_not_take_a_second_of_traffic_for_that_of_a_tick() {
    let world = World::default();
    let route = world.learned("r");
    world.ticks(50);
    let before = route.snapshot().throughput;
    for _ in 0..100 {
        let permit = route.admit_owned(Tier::Critical).unwrap();
        world.clock.advance(ms(10));
        permit.finish(Outcome::Success);
    }
    world.pulse();
    let after = route.snapshot();
    assert!(after.throughput <= before.max(100.0), "{before} became {}", after.throughput);
    assert!(after.target < 10.0, "{}", after.target);
}
