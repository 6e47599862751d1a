// SPDX-License-Identifier: Apache-2.0
//! The gate that no gate can be: it knows every service time beforehand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::plant::Arrivals;
use crate::scenario::{Plan, Scenario};

/// The share of requests, 0..=1, that a gate refuses which lets a request in if and only if its
/// answer will be in time.
///
/// Workers serve in the order of arrival, as in the plant, so when a request will be answered is
/// known when it comes: the earliest free worker's time plus its own service time. Without an SLO
/// nothing is late, and the share is 0. Counted from `scored_from` on. It knows changes of load,
/// but neither of workers nor of speed: a steady service has none.
#[must_use]
pub fn omniscient(scenario: &Scenario, seed: u64) -> f64 {
    if !scenario.plant.told {
        return 0.0;
    }
    let plan = Plan::of(scenario);
    let deadline = nanos(scenario.plant.deadline);
    // When each worker will be free, the earliest first.
    let mut free: BinaryHeap<Reverse<u64>> = (0..scenario.plant.workers).map(|_| Reverse(0)).collect();
    let (mut offered, mut late) = (0u64, 0u64);
    for arrival in Arrivals::new(scenario, &plan, seed) {
        let scored = u64::from(arrival.at >= nanos(scenario.scored_from));
        offered += scored;
        let begins = free.peek().map_or(arrival.at, |Reverse(at)| arrival.at.max(*at));
        let ends = begins.saturating_add(nanos(arrival.size * scenario.plant.service));
        if ends - arrival.at > deadline {
            late += scored;
        } else {
            free.pop();
            free.push(Reverse(ends));
        }
    }
    if offered == 0 { 0.0 } else { late as f64 / offered as f64 }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // quarters are exact
mod tests {
    use super::*;
    use crate::scenario::{LoadSpec, Shape};

    /// One worker that takes a second, a deadline of two and a half: the third of three that come
    /// at once is late.
    fn three_at_once(told: bool) -> Scenario {
        let mut scenario = crate::steady::rows()[0].scenario(60.0);
        scenario.scored_from = 0.0;
        scenario.plant.workers = 1;
        scenario.plant.service = 1.0;
        scenario.plant.shape = Shape::Constant;
        scenario.plant.deadline = 2.5;
        scenario.plant.told = told;
        scenario.load = LoadSpec { recorded: vec![1.0, 1.0, 1.0, 10.0], ..LoadSpec::default() };
        scenario
    }

    fn late_of_a_hundred(scenario: &Scenario) -> u32 {
        (100.0 * omniscient(scenario, 1)).round() as u32
    }

    #[test]
    fn it_refuses_what_would_be_late_and_nothing_else() {
        assert_eq!(late_of_a_hundred(&three_at_once(true)), 25);
        assert_eq!(late_of_a_hundred(&three_at_once(false)), 0);
    }

    #[test]
    fn what_it_refuses_keeps_no_worker() {
        let mut scenario = three_at_once(true);
        // Were the third served after all, the fourth would wait until 4 s and be late.
        scenario.load.recorded = vec![1.0, 1.0, 1.0, 2.0];
        assert_eq!(late_of_a_hundred(&scenario), 25);
    }
}
