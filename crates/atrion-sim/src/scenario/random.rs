// SPDX-License-Identifier: Apache-2.0
//! Plants from a seed: sizes on logarithmic scales, one to three things that happen, sometimes a
//! return to normal.
//!
//! A set is blind as long as its seed was never looked at: take a new seed for the last decision.

use super::{Change, Freeze, GateAt, LoadSpec, ORDINARY, PlantSpec, Retries, Scenario, Shape, Wave};
use crate::dice::Dice;

/// The `nth` random plant of a seed.
#[must_use]
pub fn plant(seed: u64, nth: u32) -> Scenario {
    let mut dice = Dice::stream(seed, 1000 + u64::from(nth));
    let service = dice.magnitude(0.004, 0.4);
    // At most about five hundred calls a second, so that hundreds of plants are a minute's work.
    let workers = dice.magnitude(2.0, 100.0).min((MOST_RATE * service).max(2.0)).round() as u32;
    let spec = PlantSpec {
        workers,
        service,
        shape: shape(&mut dice),
        queue: dice.hits(0.3).then(|| (f64::from(workers) * dice.magnitude(0.5, 8.0)).ceil() as u32),
        deadline: service * dice.magnitude(5.0, 40.0),
        haste: 0.0,
        told: !dice.hits(0.2),
        gate: if dice.hits(0.25) { GateAt::Caller } else { GateAt::Server },
        drops_abandoned: dice.hits(0.3),
        refusal_cost: if dice.hits(0.3) { service * dice.between(0.0, 0.05) } else { 0.0 },
        contention: if dice.hits(0.15) { dice.between(0.01, 0.15) } else { 0.0 },
    };
    let load = LoadSpec {
        load: Some(dice.between(0.4, 0.85)),
        rate: None,
        tiers: tiers(&mut dice),
        users: dice.magnitude(20.0, 2000.0) as u32,
        burst: if dice.hits(0.2) { dice.between(1.0, 4.0) } else { 1.0 },
        lattice: None,
        wave: dice
            .hits(0.15)
            .then(|| Wave { period: dice.magnitude(4.0, 30.0), amplitude: dice.between(0.1, 0.6) }),
        retries: dice.hits(0.35).then(|| Retries {
            attempts: 2 + dice.index(3) as u32,
            backoff: dice.magnitude(0.05, 2.0),
            refused: dice.hits(0.7),
        }),
        recorded: Vec::new(),
        recorded_tiers: Vec::new(),
    };
    let mut scenario = Scenario {
        name: format!("random-{seed}-{nth}"),
        purpose: "A plant drawn at random.".to_owned(),
        seconds: 40.0,
        scored_from: 5.0,
        bin: 1.0,
        plant: spec,
        load,
        route: Vec::new(),
        change: Vec::new(),
        nuisance: Vec::new(),
        freeze: Vec::new(),
    };
    happen(&mut scenario, &mut dice);
    scenario
}

/// One to three troubles, one after the other; most of them end.
fn happen(scenario: &mut Scenario, dice: &mut Dice) {
    let normal = scenario.load.load;
    let count = 1 + dice.index(3);
    let mut at = dice.between(8.0, 12.0);
    for _ in 0..count {
        let lasts = dice.between(3.0, 22.0 / count as f64 + 2.0);
        let (begin, end) = trouble(scenario, dice, normal);
        scenario.change.push(Change {
            at,
            ramp: if dice.hits(0.3) { dice.between(1.0, 5.0) } else { 0.0 },
            ..begin
        });
        if dice.hits(0.8) {
            scenario.change.push(Change { at: at + lasts, ..end });
        }
        at += lasts + dice.between(1.0, 6.0);
        if at > 34.0 {
            break;
        }
    }
    scenario.change.retain(|change| change.at < scenario.seconds - 2.0);
}

fn trouble(scenario: &mut Scenario, dice: &mut Dice, normal: Option<f64>) -> (Change, Change) {
    let workers = scenario.plant.workers;
    let none = Change::default;
    match dice.index(9) {
        0 | 1 => {
            (Change { load: Some(dice.magnitude(1.1, 6.0)), ..none() }, Change { load: normal, ..none() })
        }
        2 => (
            Change { speed: Some(dice.magnitude(0.2, 0.8)), ..none() },
            Change { speed: Some(1.0), ..none() },
        ),
        3 => {
            let left = (f64::from(workers) * dice.between(0.2, 0.8)).round().max(1.0) as u32;
            (Change { workers: Some(left), ..none() }, Change { workers: Some(workers), ..none() })
        }
        4 => {
            let error_seconds = dice.hits(0.5).then(|| scenario.plant.service * dice.between(0.02, 1.0));
            let errors = Some(dice.between(0.03, 0.6));
            (Change { errors, error_seconds, ..none() }, Change { errors: Some(0.0), ..none() })
        }
        5 => {
            let error_seconds = Some(scenario.plant.service * dice.magnitude(0.02, 1.0));
            (Change { errors: Some(1.0), error_seconds, ..none() }, Change { errors: Some(0.0), ..none() })
        }
        6 => {
            let hang_seconds = Some(scenario.plant.deadline * dice.between(1.0, 4.0));
            let hang = Some(if dice.hits(0.5) { 1.0 } else { dice.between(0.05, 0.5) });
            (Change { hang, hang_seconds, ..none() }, Change { hang: Some(0.0), ..none() })
        }
        7 => {
            let throttle = Some(scenario.capacity() * dice.between(0.2, 0.8));
            (Change { throttle, ..none() }, Change { throttle: Some(0.0), ..none() })
        }
        _ => {
            let from = dice.between(8.0, 20.0);
            let lasts = scenario.plant.deadline * dice.between(0.1, 0.8);
            let every = (lasts * 4.0).max(dice.between(1.0, 8.0));
            if scenario.freeze.is_empty() {
                scenario.freeze.push(Freeze { from, until: from + 15.0, every, lasts });
            }
            (none(), none())
        }
    }
}

fn shape(dice: &mut Dice) -> Shape {
    match dice.index(5) {
        0 => Shape::Even,
        1 => Shape::Exponential,
        2 => Shape::Lognormal(dice.between(0.3, 1.2)),
        3 => Shape::Pareto(dice.between(1.8, 4.0)),
        _ => Shape::TwoKinds(dice.between(0.02, 0.2)),
    }
}

fn tiers(dice: &mut Dice) -> [f64; 5] {
    if dice.hits(0.5) {
        return ORDINARY;
    }
    let mut shares = [0.0; 5];
    for share in &mut shares {
        // Whole hundredths, so that a scenario that is printed reads back the same.
        *share = (dice.between(0.02, 1.0) * 100.0).round() / 100.0;
    }
    shares
}

const MOST_RATE: f64 = 500.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_plants_are_valid_and_repeatable() {
        for nth in 0..500 {
            let scenario = plant(4242, nth);
            scenario.check().unwrap();
            assert_eq!(scenario, plant(4242, nth));
        }
    }
}
