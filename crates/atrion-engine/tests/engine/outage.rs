// SPDX-License-Identifier: Apache-2.0
//! What people are told of an open breaker.

use std::collections::VecDeque;
use std::time::Duration;

use atrion_core::{Mode, Mono, Outcome, Tier};
use atrion_engine::{Config, OwnedPermit, Route};

use crate::world::{World, admit_all, ms, volts};

#[test]
fn an_open_breaker_says_for_how_long_after_how_many_failures_and_how_its_probes_fare() {
    let world = World::default();
    let route = world.learned("r");
    assert_eq!(route.snapshot().outage, None);
    world.kill(&route);
    world.tick();
    for _ in 0..20 {
        if let Ok(probe) = route.admit_owned(Tier::Critical) {
            world.clock.advance(ms(10));
            probe.finish(Outcome::Failure);
            world.clock.advance(ms(90));
            world.pulse();
        } else {
            world.tick();
        }
    }
    let seen = route.snapshot();
    let outage = seen.outage.unwrap();
    assert_eq!(outage.lasted, ms(2_000));
    assert!((15..=23).contains(&outage.probes), "{outage:?}");
    assert_eq!(outage.probes_failed, outage.probes);
    assert_eq!(u64::from(outage.failures_in_a_row), 40 + outage.probes);
    route.admit_owned(volts(1e6)).unwrap().finish(Outcome::Success);
    assert_eq!((route.mode(), route.snapshot().outage), (Mode::Operational, None));
}

#[test]
fn calls_from_before_the_opening_are_no_probes() {
    let world = World::default();
    let route = world.learned("r");
    world.ticks(7);
    let mut permits = admit_all(&route, 60);
    let later = permits.split_off(40);
    permits.into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    world.tick();
    let mut fare = Vec::new();
    for permit in later {
        permit.finish(Outcome::Failure);
        let probe = route.admit_owned(Tier::Critical);
        world.tick();
        if let Ok(probe) = probe {
            probe.finish(Outcome::Failure);
        }
        let outage = route.snapshot().outage.unwrap();
        fare.push((outage.probes, outage.probes_failed));
    }
    assert!(fare.iter().all(|(sent, failed)| failed <= sent), "{fare:?}");
    world.tick();
    let outage = route.snapshot().outage.unwrap();
    assert!(outage.probes >= 2 && outage.probes_failed == outage.probes, "all have ended: {outage:?}");
}

#[test]
fn an_open_breaker_resists_a_hundred_ohms_from_the_first_moment_on() {
    let world = World::default();
    let route = world.learned("r");
    world.ticks(7);
    let permits = admit_all(&route, 120);
    for (i, permit) in permits.into_iter().enumerate() {
        permit.finish(Outcome::Failure);
        let seen = route.snapshot();
        if route.mode() == Mode::CircuitBreaker {
            let ohms = [seen.resistance, route.resistance(), seen.terms.resistance()].map(|ohms| ohms.get());
            assert_eq!(ohms, [100.0; 3], "after {i} failures: {seen:?}");
        }
        if i == 60 {
            world.pulse();
        }
    }
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    let refused = (0..9).find_map(|_| route.admit(Tier::Critical).err()).unwrap();
    assert_eq!(refused.resistance().get(), 100.0);
    // Hung probes beside a scar are not more.
    let probes = admit_all_that_pass(&route, &world);
    world.ticks(60);
    assert_eq!(route.snapshot().resistance.get(), 100.0, "{:?}", route.snapshot());
    drop(probes);
}

fn admit_all_that_pass(route: &Route, world: &World) -> Vec<OwnedPermit> {
    world.ticks(5);
    (0..20).filter_map(|_| route.admit_owned(volts(1e6)).ok()).collect()
}

/// From the moment at which every call begins to hang, of 100 a second: when the breaker opens.
/// Callers give up after `timeout`, which is a failure.
fn opens_after(config: Config, timeout: Option<Duration>) -> Option<Duration> {
    let world = World::new(config);
    let route = world.learned("r");
    let begin = world.now();
    let mut hung = VecDeque::new();
    for step in 1..3_000 {
        world.clock.advance(ms(10));
        let now = world.now();
        while timeout.is_some_and(|limit| hung.front().is_some_and(|(since, _)| now.since(*since) >= limit)) {
            let (_, permit): (Mono, OwnedPermit) = hung.pop_front().unwrap();
            permit.finish(Outcome::Failure);
        }
        if let Ok(permit) = route.admit_owned(Tier::ALL[step % 5]) {
            hung.push_back((now, permit));
        }
        if step % 10 == 0 {
            world.pulse();
        }
        if route.mode() == Mode::CircuitBreaker {
            return Some(now.since(begin));
        }
    }
    None
}

#[test]
fn calls_that_hang_open_the_breaker_after_about_ten_times_the_longest_patience() {
    let slo = |millis| Config::default().slo(ms(millis));
    for (config, within) in
        [(slo(1_000), 9_000..14_000), (slo(200), 1_800..3_500), (Config::default(), 900..2_500)]
    {
        let opened = opens_after(config, None).map(|span| span.as_millis());
        assert!(opened.is_some_and(|millis| within.contains(&millis)), "{opened:?}, not in {within:?}");
    }
}

#[test]
fn calls_that_hang_and_are_given_up_before_they_are_late_open_it_by_their_failures() {
    for config in [Config::default().slo(ms(1_000)), Config::default()] {
        let opened = opens_after(config, Some(ms(900)));
        assert!(opened.is_some_and(|span| span < Duration::from_secs(10)), "{opened:?}");
    }
}
