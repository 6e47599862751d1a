// SPDX-License-Identifier: Apache-2.0
//! The wind tunnel itself: repeatable to the bit, fair to every policy, and honest about what a
//! score is made of.
#![allow(clippy::unwrap_used, clippy::float_cmp)] // a test may panic: that is how it speaks

use atrion_sim::policy::{self, Entry};
use atrion_sim::score::{Components, Ideal};
use atrion_sim::table::Table;
use atrion_sim::{Record, Scenario, Set, plant};

fn named(name: &str) -> Scenario {
    Set::Named.scenarios().unwrap().into_iter().find(|scenario| scenario.name == name).unwrap()
}

fn entry(name: &str) -> Entry {
    policy::all().into_iter().find(|entry| entry.name == name).unwrap()
}

fn run(scenario: &Scenario, policy: &str, seed: u64) -> Record {
    plant::run(scenario, seed, entry(policy).make(scenario).unwrap().as_mut())
}

fn score(scenario: &Scenario, policy: &str) -> f64 {
    Components::of(&run(scenario, policy, 1)).score()
}

#[test]
fn the_same_seed_gives_the_same_bits_whatever_else_the_process_does() {
    let scenario = named("retry-storm");
    for entry in policy::all() {
        let life = || plant::run(&scenario, 7, entry.make(&scenario).unwrap().as_mut());
        let first = life();
        // Other threads number themselves first, so this one gets other stripes of the engine.
        let others: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| score(&named("overload-2x"), "adaptive"))).collect();
        let elsewhere = std::thread::scope(|scope| scope.spawn(life).join().unwrap());
        assert_eq!(first.bins(), elsewhere.bins(), "{}", entry.name);
        assert_eq!(first.events, elsewhere.events, "{}", entry.name);
        for other in others {
            other.join().unwrap();
        }
    }
}

#[test]
fn another_seed_gives_other_bits() {
    let scenario = named("steady-85");
    assert_ne!(run(&scenario, "adaptive", 1).bins(), run(&scenario, "adaptive", 2).bins());
}

#[test]
fn every_policy_meets_the_same_requests() {
    let scenario = named("overload-4x");
    let offers =
        |policy: &str| run(&scenario, policy, 3).bins().iter().map(|bin| bin.offered).collect::<Vec<_>>();
    let expected = offers("nothing");
    for entry in policy::all() {
        assert_eq!(offers(&entry.name), expected, "{}", entry.name);
    }
}

#[test]
fn no_more_calls_end_than_begin_and_no_more_are_answered_than_asked() {
    for scenario in Set::Named.scenarios().unwrap().iter().filter(|scenario| scenario.seconds < 60.0) {
        for policy in ["nothing", "adaptive"] {
            let record = run(scenario, policy, 1);
            let sum = |of: fn(&atrion_sim::score::Bin) -> u32| record.bins().iter().map(of).sum::<u32>();
            let (passed, ended) = (sum(|bin| bin.passed), sum(|bin| bin.ended()));
            assert!(ended <= passed, "{}: {ended} of {passed}", scenario.name);
            assert!(sum(|bin| bin.successes()) <= sum(|bin| bin.offers()), "{}", scenario.name);
        }
    }
}

#[test]
fn a_healthy_service_is_worth_full_marks_to_whoever_refuses_nobody() {
    let record = run(&named("steady-70"), "nothing", 1);
    let components = Components::of(&record);
    assert!(components.score() > 99.0, "{components:?}");
    assert_eq!(components.false_sheds, 1.0);
    assert_eq!(components.recovery, None);
}

#[test]
fn each_shape_of_trouble_costs_whoever_does_nothing_about_it() {
    for (name, at_most) in
        [("overload-4x", 60.0), ("outage-hang", 95.0), ("metastable", 60.0), ("slow-dependency", 75.0)]
    {
        let found = score(&named(name), "nothing");
        assert!(found < at_most, "{name}: {found}");
    }
}

#[test]
fn the_perfect_gate_serves_the_important_first_and_as_many_as_it_can() {
    let scenario = named("overload-4x");
    let record = run(&scenario, "nothing", 1);
    for (bin, best) in record.scored().zip(&Ideal::of(&record).bins) {
        let served: f64 = best.succeeded.iter().sum();
        assert!(served <= scenario.capacity() * record.width() + 1e-6);
        if f64::from(bin.offers()) > 2.0 * scenario.capacity() {
            assert_eq!(best.succeeded[0], f64::from(bin.offered[0]));
            assert_eq!(best.succeeded[4], 0.0);
        }
    }
}

#[test]
fn a_table_does_not_depend_on_the_number_of_threads() {
    let scenarios = Set::Random(6, 99).scenarios().unwrap();
    let entries = [entry("adaptive"), entry("aimd+tiers"), entry("dagor")];
    let table = |threads| Table::run(&scenarios, &entries, true, &[1, 2], threads, &|_| ()).unwrap();
    let (one, three) = (table(1), table(3));
    assert_eq!(one.to_json(), three.to_json());
    assert_eq!(one.runs, Table::size(&scenarios, &entries, true, &[1, 2]));
    assert!(!one.row("oracle").unwrap().realizable);
    let json = one.to_json();
    let cell = &json["policies"]["adaptive"]["scenarios"]["random-99-3"];
    assert!(cell["score"].is_f64() && cell["components"]["goodput"].is_f64(), "{cell}");
}

#[test]
fn everything_that_is_wrong_with_a_scenario_is_said_at_once() {
    let text = "name = 'Bad Name'\npurpose = ''\nseconds = 40\n[plant]\nworkers = 0\nservice = -1\ndeadline = 1\n\
                [load]\nload = 0.5\nrate = 3\n[[change]]\nat = 50\nerrors = 2\n";
    let error = Scenario::parse(text).unwrap_err().to_string();
    for field in
        ["name", "purpose", "plant.workers", "plant.service", "load", "change.0.at", "change.0.errors"]
    {
        assert!(error.contains(&format!("`{field}` must be")), "{field}: {error}");
    }
    let unknown = Scenario::parse("name = 'x'\nporpoise = 'y'").unwrap_err().to_string();
    assert!(unknown.contains("porpoise"), "{unknown}");
}

#[test]
fn a_scenario_survives_being_written_and_read() {
    for scenario in Set::Random(30, 5).scenarios().unwrap() {
        let text = toml::to_string(&scenario).unwrap();
        assert_eq!(Scenario::parse(&text).unwrap(), scenario, "{text}");
    }
}
