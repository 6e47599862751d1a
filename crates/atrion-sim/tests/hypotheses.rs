// SPDX-License-Identifier: Apache-2.0
//! The three hypotheses of the earlier research.
#![allow(clippy::unwrap_used)] // a test may panic: that is how it speaks

use atrion_core::{AdaptiveConfig, Beta, Mode, shares};
use atrion_sim::explain::Story;
use atrion_sim::policy::{self, Entry, Inside};
use atrion_sim::scenario::Change;
use atrion_sim::{Record, Scenario, plant};

fn scenario(seconds: u32, changes: &str) -> Scenario {
    Scenario::parse(&format!(
        "name = 'hypothesis'\npurpose = 'One of three.'\nseconds = {seconds}\n\
         plant = {{ workers = 20, service = 0.05, deadline = 1.0 }}\nload = {{ load = 0.6 }}\nchange = [{changes}]"
    ))
    .unwrap()
}

fn entry(name: &str) -> Entry {
    policy::all().into_iter().find(|entry| entry.name == name).unwrap()
}

/// How much the share of passing attempts changes from second to second, summed.
fn flapping(record: &Record) -> f64 {
    let shares: Vec<f64> =
        record.scored().map(|bin| f64::from(bin.passed) / f64::from(bin.attempts.max(1))).collect();
    shares.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum()
}

/// Half of the calls fail for two minutes, more or less: exactly where a binary breaker cannot make
/// up its mind.
#[test]
fn momentum_and_scar_flap_less_than_a_tenth_of_what_a_binary_breaker_does() {
    let sick = scenario(130, "{ at = 10, errors = 0.52 }");
    let with_momentum = Entry::adaptive(
        "momentum".into(),
        AdaptiveConfig { momentum_factor: 5.0, ..AdaptiveConfig::default() },
    );
    let index = |entry: &Entry| flapping(&plant::run(&sick, 1, entry.make(&sick).unwrap().as_mut()));
    let (breaker, scar, momentum) =
        (index(&entry("breaker")), index(&entry("adaptive")), index(&with_momentum));
    assert!(breaker > 5.0, "the breaker flaps: {breaker}");
    assert!(scar < 0.1 * breaker, "{scar} of {breaker}");
    assert!(momentum < 0.1 * breaker, "{momentum} of {breaker}");
}

/// Whatever happened, thirty seconds of healthy service and a load of a third bring every route
/// back.
#[test]
fn with_no_pressure_every_route_recovers_in_bounded_time() {
    for nth in 0..40 {
        let mut random = atrion_sim::scenario::random::plant(2718, nth);
        random.freeze.clear();
        random.load.wave = None;
        random.change.push(Change {
            at: 40.0,
            load: Some(0.3),
            workers: Some(random.plant.workers),
            speed: Some(1.0),
            errors: Some(0.0),
            hang: Some(0.0),
            throttle: Some(0.0),
            ..Change::default()
        });
        random.seconds = 90.0;
        // What hangs must have come back before the thirty seconds begin to count, so it is looked
        // at after forty.
        let story = Story::of(&random, 1, entry("adaptive").make(&random).unwrap().as_mut());
        let late: Vec<Inside> =
            story.moments().iter().filter(|moment| moment.at > 80.0).map(|moment| moment.inside).collect();
        assert!(late.iter().all(|inside| inside.mode == Mode::Operational), "{}", random.name);
        // Tiny services breathe: most moments are at rest, and nothing is left of scar and
        // staleness.
        let rest = late.iter().filter(|inside| inside.terms.resistance().get() < 14.0).count();
        assert!(rest * 10 >= late.len() * 9, "{}: {rest} of {}", random.name, late.len());
        assert!(late.iter().all(|inside| inside.terms.scar.get() < 0.1), "{}", random.name);
    }
}

/// Of two routes to the same thing, one fails three of four calls: the softmax over resistances
/// takes the other.
#[test]
fn traffic_leaves_a_chronically_sick_route() {
    let rest = |changes: &str| {
        let life = scenario(60, changes);
        let story = Story::of(&life, 1, entry("adaptive").make(&life).unwrap().as_mut());
        story.moments().last().unwrap().inside
    };
    let (healthy, sick) = (rest(""), rest("{ at = 10, errors = 0.75 }"));
    let routes = [(healthy.terms.resistance(), healthy.mode), (sick.terms.resistance(), sick.mode)];
    let taken: Vec<f64> = shares(routes, Beta::new(0.5).unwrap()).collect();
    assert!(taken[0] > 0.95, "{taken:?}: {:?} and {:?}", healthy.terms, sick.terms);
}
