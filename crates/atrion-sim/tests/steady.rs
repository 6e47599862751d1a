// SPDX-License-Identifier: Apache-2.0
//! The guard of what is said of health: a choice of rows, two minutes each, and what the default
//! preset may refuse on them.
#![allow(clippy::unwrap_used)] // a test may panic: that is how it speaks

use atrion_sim::policy;
use atrion_sim::steady::{self, Lived};

/// Rows, and the most that may be refused beyond the goal (0.1 % and twice what an omniscient gate
/// refuses), in percent of the attempts. What is above 0 is out of reach or not reached
/// (`docs/wind-tunnel.md`, "In health").
const ROWS: [(&str, f64); 14] = [
    ("w2-exp-85-noslo-poisson-first", 0.4),
    ("w2-exp-85-slo20-poisson-first", 0.9),
    ("w2-exp-70-noslo-poisson-first", 0.1),
    ("w5-two-85-slo100-poisson-first", 0.1),
    ("w8-ln13-70-slo20-poisson-first", 0.1),
    ("w16-exp-85-noslo-poisson-first", 0.0),
    ("w40-ln13-85-slo20-poisson-first", 0.0),
    ("w5-exp-85-noslo-bursty-first", 0.7),
    ("w5-exp-85-noslo-every500ms-calm", 0.1),
    ("w5-exp-85-slo20-every500ms-first", 0.0),
    ("w2-exp-50-slo20-every1000ms-first", 0.0),
    ("w16-exp-85-slo20-every1000ms-first", 0.0),
    ("w5-exp-85-slo20-poisson-overload", 0.2),
    ("w16-exp-85-slo20-poisson-overload-retries", 0.2),
];

fn lived(policies: &[&str]) -> Vec<(Lived, f64)> {
    let entries: Vec<_> = policies
        .iter()
        .map(|name| policy::all().into_iter().chain(policy::of_health()).find(|entry| entry.name == *name))
        .map(Option::unwrap)
        .collect();
    let bound = |name: &str| ROWS.iter().find(|(part, _)| name == format!("steady-{part}"));
    let rows: Vec<_> = steady::rows().into_iter().filter(|row| bound(&row.name()).is_some()).collect();
    assert_eq!(rows.len(), ROWS.len(), "every row is there");
    let lived = steady::live(&rows, &entries, 120.0, 1, 2, &|_| ()).unwrap();
    lived
        .into_iter()
        .map(|one| (bound(&one.row.name()).unwrap().1, one))
        .map(|(most, one)| (one, most))
        .collect()
}

#[test]
fn in_health_no_more_is_refused_than_is_known() {
    let over: Vec<_> = lived(&["adaptive"])
        .into_iter()
        .map(|(one, most)| (one.row.name(), 100.0 * one.excess(0), most))
        .filter(|(_, excess, most)| excess > most)
        .collect();
    assert!(over.is_empty(), "row, % over the goal, % allowed: {over:#?}");
}

/// What the later laws are for: each of the earlier ones is worse where crowds are worked off.
#[test]
fn peers_refuse_what_comes_at_once() {
    let mut lived = lived(&["adaptive", "gradient2+tiers", "first-law"]);
    lived.retain(|(one, _)| one.row.name().contains("-calm"));
    for (one, _) in lived {
        assert!(one.is_worse(1, 0) && one.is_worse(2, 0), "{}: {:?}", one.row.name(), one.refused);
    }
}
