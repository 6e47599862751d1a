// SPDX-License-Identifier: Apache-2.0
//! A process that stands still, or whose threads are blocked, is not a callee that is silent.

use std::time::Duration;

use atrion_core::{Mode, Outcome};
use atrion_engine::{Config, OwnedPermit, Route};
use atrion_state::Event;

use crate::world::{TICK, World, admit_all, ms, volts};

/// A healthy route with `calls` under way, on a process that stands still for `pause`. Then the
/// pulse comes first, and the calls end one after the other.
fn paused(config: Config, calls: usize, pause: Duration, end: Outcome) -> (World, Route) {
    let world = World::new(config);
    let route = world.learned("r");
    let _ = world.events.take();
    let under_way: Vec<OwnedPermit> = admit_all(&route, calls);
    world.clock.advance(pause);
    world.pulse();
    assert_eq!(route.mode(), Mode::Operational, "at the first pulse after {pause:?}");
    for permit in under_way {
        world.clock.advance(ms(1));
        permit.finish(end);
    }
    world.ticks(3);
    (world, route)
}

#[test]
fn a_pause_of_the_process_opens_no_breaker_and_leaves_no_scar() {
    let slo = || Config::default().slo(ms(1_000));
    for config in [Config::default(), slo()] {
        for pause in [1_300, 12_000, 3_600_000].map(ms) {
            for end in [Outcome::Success, Outcome::Failure] {
                for calls in [3, 60] {
                    let (world, route) = paused(config.clone(), calls, pause, end);
                    let seen = route.snapshot();
                    let of = format!("{pause:?}, {end:?}, {calls} calls: {seen:?}");
                    assert_eq!(seen.mode, Mode::Operational, "{of}");
                    assert_eq!((seen.terms.scar.get(), seen.terms.staleness.get()), (0.0, 0.0), "{of}");
                    assert_eq!((seen.error_share, seen.debt), (0.0, 0.0), "{of}");
                    let opened = world.count(|event| matches!(event, Event::ModeChanged { .. }));
                    assert_eq!(opened, 0, "{of}");
                }
            }
        }
    }
}

#[test]
fn forty_failures_between_the_end_of_a_pause_and_the_first_pulse_open_no_breaker() {
    for pause in [1_300, 12_000].map(ms) {
        let world = World::new(Config::default().slo(ms(1_000)));
        let route = world.learned("r");
        let under_way: Vec<OwnedPermit> = admit_all(&route, 60);
        world.clock.advance(pause);
        // What was under way has timed out, and connections of before the pause are dead.
        under_way.into_iter().for_each(|permit| permit.finish(Outcome::Failure));
        admit_all(&route, 60).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
        assert_eq!(route.mode(), Mode::Operational, "before the first pulse after {pause:?}");
        world.clock.advance(ms(5));
        world.pulse();
        assert_eq!(route.mode(), Mode::Operational, "at the first pulse after {pause:?}");
    }
}

#[test]
fn a_callee_that_fails_is_found_out_also_without_a_pulse() {
    let world = World::new(Config::default().slo(ms(1_000)));
    let route = world.learned("r");
    let begin = world.now();
    while route.mode() == Mode::Operational {
        world.clock.advance(ms(10));
        if let Ok(permit) = route.admit_owned(volts(1e6)) {
            permit.finish(Outcome::Failure);
        }
        assert!(world.now().since(begin) < ms(2_000), "{:?}", route.snapshot());
    }
}

#[test]
fn what_a_pause_or_a_jump_of_the_clock_adds_to_a_latency_teaches_nothing() {
    for pause in [1_300, 12_000, 34_635_000].map(ms) {
        let (world, route) = paused(Config::default(), 20, pause, Outcome::Success);
        let seen = route.snapshot();
        assert!(seen.baseline < Some(ms(20)) && seen.latency < Some(ms(20)), "{pause:?}: {seen:?}");
        world.healthy_traffic(&route, 10, 10);
        assert!(route.snapshot().baseline < Some(ms(20)), "{pause:?}: {:?}", route.snapshot());
    }
}

#[test]
fn a_callee_that_hangs_is_found_out_also_by_a_process_that_stood_still_meanwhile() {
    let world = World::new(Config::default().slo(ms(1_000)));
    let route = world.learned("r");
    let hung = admit_all(&route, 5);
    world.ticks(50);
    world.clock.advance(Duration::from_secs(60));
    world.pulse();
    let seen = route.snapshot();
    assert_eq!(seen.mode, Mode::Operational, "five seconds are hung, not sixty-five: {seen:?}");
    world.ticks(100);
    assert_eq!(route.mode(), Mode::CircuitBreaker, "{:?}", route.snapshot());
    drop(hung);
}

#[test]
fn a_pulse_that_is_late_by_a_little_is_there() {
    let world = World::new(Config::default().slo(ms(1_000)));
    let route = world.learned("r");
    let hung = admit_all(&route, 5);
    for _ in 0..40 {
        world.clock.advance(3 * TICK);
        world.pulse();
    }
    assert_eq!(route.mode(), Mode::CircuitBreaker, "{:?}", route.snapshot());
    drop(hung);
}
