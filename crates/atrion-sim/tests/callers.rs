// SPDX-License-Identifier: Apache-2.0
//! The guard of many callers before one plant: CI fails when gates that know nothing of each other
//! fall by more than a point.
#![allow(clippy::unwrap_used)] // a test may panic: that is how it speaks

use atrion_sim::callers::{self, Row, Spread, Turnover};
use atrion_sim::policy::Entry;
use atrion_sim::{Scenario, Set, policy};

/// Overload, a plant that is slower for good, one that is taken for granted, and workers that come
/// and go.
const CHOSEN: [&str; 5] = ["overload-2x", "slower-for-good", "steady-70", "capacity-loss", "scaled-out"];

fn chosen() -> Vec<Scenario> {
    let all = Set::Callers.scenarios().unwrap();
    all.into_iter().filter(|scenario| CHOSEN.contains(&scenario.name.as_str())).collect()
}

fn entry(name: &str) -> Entry {
    policy::of_callers().into_iter().find(|entry| entry.name == name).unwrap()
}

#[test]
fn ten_gates_that_know_nothing_of_each_other_have_not_fallen() {
    let row = Row { callers: 10, spread: Spread::Even, turnover: Turnover::None };
    let lived = callers::live(&chosen(), &[row], &[entry("adaptive")], &[1], 2, &|_| ()).unwrap();
    let outcome = lived[0].outcomes[0].0;
    assert!(outcome.score > SCORE - 1.0, "{outcome:?}");
    assert!(outcome.jain.unwrap() > 0.96, "{outcome:?}");
}

#[test]
fn a_run_is_the_same_to_the_bit() {
    let scenario = &chosen()[0];
    let row = Row { callers: 5, spread: Spread::Skewed, turnover: Turnover::Restarting };
    let once = || callers::run(scenario, &entry("adaptive"), row, 7).unwrap();
    assert_eq!(once(), once());
}

#[test]
fn one_caller_is_the_gate_alone() {
    let scenario = &chosen()[0];
    let row = Row { callers: 1, spread: Spread::Even, turnover: Turnover::None };
    let entry = entry("gradient2+tiers");
    let alone = atrion_sim::plant::run(scenario, 3, entry.make(scenario).unwrap().as_mut());
    let among = callers::run(scenario, &entry, row, 3).unwrap();
    assert_eq!(among.components, atrion_sim::Components::of(&alone));
}

/// What the preset `adaptive` scores there at ten callers with seed 1. A change that makes it
/// better raises it in the same commit.
const SCORE: f64 = 97.4;
