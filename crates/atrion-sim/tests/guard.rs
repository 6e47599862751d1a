// SPDX-License-Identifier: Apache-2.0
//! The guard: CI fails when the default preset falls by more than half a point, here or on its
//! worst scenario.
#![allow(clippy::unwrap_used)] // a test may panic: that is how it speaks

use atrion_sim::table::Table;
use atrion_sim::{Set, policy};

/// What the default preset scores on the named set with seed 1. A change that makes it better
/// raises it in the same commit.
const SCORE: f64 = 97.3;

#[test]
fn the_default_preset_has_not_fallen_by_half_a_point() {
    let scenarios = Set::Named.scenarios().unwrap();
    let entries = ["adaptive", "gradient2(8)+tiers"]
        .map(|name| policy::all().into_iter().find(|entry| entry.name == name).unwrap());
    let table = Table::run(&scenarios, &entries, false, &[1], 2, &|_| ()).unwrap();
    let (adaptive, peer) = (table.row("adaptive").unwrap(), table.row("gradient2(8)+tiers").unwrap());
    assert!(adaptive.score > SCORE - 0.5, "{} instead of {SCORE}", adaptive.score);
    assert!(adaptive.score > peer.score + 1.0, "{} against {}", adaptive.score, peer.score);
    assert!(adaptive.worst > 85.0, "{} in {}", adaptive.worst, adaptive.worst_in);
}
