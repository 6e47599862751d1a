// SPDX-License-Identifier: Apache-2.0
//! A request that cannot be answered by its deadline is refused at the door, and no other one.

use std::num::NonZeroU32;
use std::time::Duration;

use atrion_core::{Mono, Outcome, Priority, Reason, SplitMix64, Tier};
use atrion_engine::{Config, OwnedPermit, Route};

use crate::world::{World, ms, volts};

fn by(at: Mono) -> Priority {
    Priority::from(Tier::Normal).deadline(at)
}

#[test]
fn what_comes_past_its_deadline_is_refused_and_nobodys_load() {
    let world = World::default();
    let route = world.learned("r");
    for at in [Mono::ZERO, world.now()] {
        let shed = route.admit_owned(by(at)).unwrap_err();
        assert_eq!((shed.reason(), shed.refusal().expected_ms), (Reason::TooLate, Some(NonZeroU32::MIN)));
        assert!(shed.to_string().ends_with("expected after 1 ms"), "{shed}");
    }
    // A flood of such requests asks for nothing, so it shows no overload.
    for _ in 0..20 {
        for _ in 0..200 {
            drop(route.admit_owned(by(world.now())));
        }
        world.healthy_traffic(&route, 1, 10);
    }
    let snapshot = route.snapshot();
    assert_eq!(snapshot.counts.shed(Tier::Normal, Reason::TooLate), 4_002);
    assert_eq!((snapshot.counts.all_shed(), snapshot.in_flight), (4_002, 0));
    let soon = world.now().after(Duration::from_nanos(1));
    for at in [soon, Mono::from_nanos(u64::MAX - 1), Mono::from_nanos(u64::MAX)] {
        assert!(route.admit_owned(by(at)).is_ok(), "in health there is no wait to expect");
    }
}

#[test]
fn an_answer_past_its_deadline_is_late_and_says_nothing_of_the_callee() {
    let world = World::default();
    let route = world.learned("r");
    let mode = route.mode();
    for _ in 0..100 {
        let permit = route.admit_owned(by(world.now().after(ms(1)))).unwrap();
        world.clock.advance(ms(2));
        permit.finish(Outcome::Success);
    }
    let borrowed = Priority::from(Tier::Low).deadline(world.now().after(ms(1)));
    let permit = route.admit(borrowed).unwrap();
    world.clock.advance(ms(2));
    permit.finish(Outcome::Failure);
    world.tick();
    let snapshot = route.snapshot();
    assert_eq!((snapshot.counts.late(), snapshot.counts.failed(), snapshot.counts.ignored()), (100, 1, 0));
    assert_eq!((route.mode(), snapshot.error_share < 0.2), (mode, true));
}

#[test]
fn both_gates_of_a_group_know_the_deadline_and_an_operator_goes_before_it() {
    let world = World::default();
    let db = world.engine.group("db");
    let route = db.route("r");
    let shed = route.admit_owned(by(Mono::ZERO)).unwrap_err();
    assert!(shed.by_group() && shed.reason() == Reason::TooLate);
    world.tick();
    assert_eq!(route.snapshot().counts.turned_away(Tier::Normal), 1);
    assert_eq!(db.gate().snapshot().in_flight, 0);

    let shadow = World::new(Config::default().shadow(true));
    let route = shadow.engine.route("r");
    drop(route.admit_owned(by(Mono::ZERO)).unwrap());
    shadow.tick();
    assert_eq!(route.snapshot().counts.shed(Tier::Normal, Reason::TooLate), 1);
}

/// A queue before some workers, worked off first come, first served.
struct Plant {
    route: Route,
    random: SplitMix64,
    /// When each worker is free.
    free: Vec<Mono>,
    under_way: Vec<(Mono, OwnedPermit)>,
}

/// What became of one request with a deadline.
struct Asked {
    refused: bool,
    /// The answer would come, or has come, by the deadline.
    in_time: bool,
}

impl Plant {
    fn new(world: &World, workers: usize, seed: u64) -> Self {
        let free = vec![Mono::ZERO; workers];
        Self { route: world.engine.route("r"), random: SplitMix64::new(seed), free, under_way: Vec::new() }
    }

    fn exponential(&mut self, mean: f64) -> Duration {
        Duration::from_secs_f64(-mean * (1.0 - self.random.unit()).ln())
    }

    /// One request, with up to so long until its deadline. No gate refuses it but for that.
    fn ask(&mut self, now: Mono, service: f64, patience: f64) -> Asked {
        let due = now.after(Duration::from_secs_f64(self.random.unit() * patience));
        let service = self.exponential(service);
        let worker = (0..self.free.len()).min_by_key(|worker| self.free[*worker]).unwrap();
        let end = self.free[worker].max(now).after(service);
        let admitted = self.route.admit_owned(volts(1e6).deadline(due));
        let refused = admitted.is_err();
        if let Ok(permit) = admitted {
            self.free[worker] = end;
            self.under_way.push((end, permit));
        }
        Asked { refused, in_time: end <= due }
    }

    /// Requests come at random for so long.
    fn run(&mut self, world: &World, seconds: f64, rate: f64, service: f64, patience: f64) -> Vec<Asked> {
        let mut asked = Vec::new();
        let end = world.now().after(Duration::from_secs_f64(seconds));
        let mut next = world.now();
        let mut pulse = world.now().after(ms(100));
        while world.now() < end {
            let done = (0..self.under_way.len()).min_by_key(|i| self.under_way[*i].0);
            let first = done.map_or(next, |i| next.min(self.under_way[i].0));
            if pulse <= first {
                world.clock.set(pulse);
                world.pulse();
                pulse = pulse.after(ms(100));
            } else if let Some(i) = done.filter(|i| self.under_way[*i].0 <= next) {
                let (at, permit) = self.under_way.swap_remove(i);
                world.clock.set(at);
                permit.finish(Outcome::Success);
            } else {
                world.clock.set(next);
                asked.push(self.ask(next, service, patience));
                next = next.after(self.exponential(1.0 / rate));
            }
        }
        asked
    }
}

/// How many requests would have been in time, and how many of those were refused.
struct Health {
    in_time: usize,
    wronged: usize,
}

/// Some two thousand requests to a plant that is drawn at random and has room.
fn in_health(draw: &mut SplitMix64) -> Health {
    let mut within = |low: f64, high: f64| low + (high - low) * draw.unit();
    let (workers, busy, service) = (within(1.0, 40.0) as usize, within(0.05, 0.8), within(0.002, 0.2));
    let world = World::default();
    let mut plant = Plant::new(&world, workers, draw.next_u64());
    let rate = busy * workers as f64 / service;
    let seconds = (2_000.0 / rate).clamp(5.0, 60.0);
    let asked = plant.run(&world, seconds, rate, service, 20.0 * service);
    let in_time = asked.iter().filter(|one| one.in_time).count();
    let wronged = asked.iter().filter(|one| one.in_time && one.refused).count();
    Health { in_time, wronged }
}

#[test]
fn in_health_hardly_anything_is_refused_that_would_have_been_in_time() {
    // Chance has a busy plant look crowded now and then, so a bound for each plant alone is either
    // wide or fails once in a thousand plants. The sum of many says what the law does.
    let mut draw = SplitMix64::new(1);
    let plants: Vec<Health> = (0..300).map(|_| in_health(&mut draw)).collect();
    let (in_time, wronged) = plants.iter().fold((0, 0), |(in_time, wronged), plant| {
        assert!(plant.wronged * 50 <= plant.in_time, "{} of {}", plant.wronged, plant.in_time);
        (in_time + plant.in_time, wronged + plant.wronged)
    });
    assert!(wronged * 10_000 <= in_time, "{wronged} of {in_time}");
}

#[test]
fn in_an_overload_those_are_refused_who_would_wait_in_vain_and_are_told_how_long() {
    let world = World::default();
    let mut plant = Plant::new(&world, 8, 11);
    // 80 a second are what eight workers of 100 ms can do.
    plant.run(&world, 30.0, 60.0, 0.1, 4.0);
    plant.run(&world, 5.0, 160.0, 0.1, 4.0);
    let asked = plant.run(&world, 20.0, 160.0, 0.1, 4.0);
    let of = |refused: bool, in_time: bool| {
        asked.iter().filter(|one| one.refused == refused && one.in_time == in_time).count() as f64
    };
    let (wronged, right) = (of(true, true), of(true, false));
    assert!(right > 0.3 * asked.len() as f64, "refused {right} of {}", asked.len());
    assert!(wronged < 0.05 * right, "{wronged} of {right} would have been in time");
    let (kept, lost) = (of(false, true), of(false, false));
    assert!(kept > 6.0 * lost, "of those let in {kept} were in time and {lost} were not");
    let shed = plant.route.admit_owned(volts(1e6).deadline(world.now().after(ms(20)))).unwrap_err();
    let expected = shed.refusal().expected_ms.unwrap().get();
    assert!(shed.reason() == Reason::TooLate && expected > 500, "{shed}");
}
