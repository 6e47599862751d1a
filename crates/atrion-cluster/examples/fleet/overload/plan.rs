// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The phases, the tiers, and the instants of the requests.

use std::time::Duration;

use atrion_core::{SplitMix64, Tier};

/// The callee has two workers for each node, of 50 ms a call.
pub(super) const WORKERS_PER_NODE: usize = 2;
pub(super) const WORK: Duration = Duration::from_millis(50);
/// A caller gives a call up after this time. It is the SLO of the route.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) lasts: Duration,
    /// Requests as a multiple of what the callee can do.
    pub(super) load: f64,
}

const fn phase(name: &'static str, seconds: u64, load: f64) -> Phase {
    Phase { name, lasts: Duration::from_secs(seconds), load }
}

/// In the first nothing is counted: the gates learn.
pub(super) const PHASES: [Phase; 5] = [
    phase("warm-up", 6, 0.7),
    phase("calm", 5, 0.7),
    phase("overload", 10, 3.0),
    phase("overload, Redis killed", 12, 3.0),
    phase("recovery", 5, 0.7),
];
/// The phase at whose beginning the Redis is killed.
pub(super) const KILLED: usize = 3;

/// What the callee can do for each node, in calls per second.
pub(super) fn capacity_per_node() -> f64 {
    WORKERS_PER_NODE as f64 / WORK.as_secs_f64()
}

/// Of a hundred requests 10 are critical, 20 high, 40 normal, 20 low and 10 bulk.
fn tier(random: &mut SplitMix64) -> Tier {
    match random.below(100) {
        0..10 => Tier::Critical,
        10..30 => Tier::High,
        30..70 => Tier::Normal,
        70..90 => Tier::Low,
        _ => Tier::Bulk,
    }
}

pub(super) struct Arrival {
    /// From the start of the run.
    pub(super) at: Duration,
    pub(super) phase: usize,
    pub(super) tier: Tier,
}

/// The requests of a node: a Poisson process whose rate is that of the phase.
pub(super) fn arrivals(seed: u64) -> Vec<Arrival> {
    let mut random = SplitMix64::new(seed);
    let mut arrivals = Vec::new();
    let mut begin = Duration::ZERO;
    for (number, phase) in PHASES.iter().enumerate() {
        let mut at = begin;
        loop {
            let gap = -(1.0 - random.unit()).ln() / (phase.load * capacity_per_node());
            at += Duration::from_secs_f64(gap);
            if at >= begin + phase.lasts {
                break;
            }
            arrivals.push(Arrival { at, phase: number, tier: tier(&mut random) });
        }
        begin += phase.lasts;
    }
    arrivals
}
