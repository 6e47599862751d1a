// SPDX-License-Identifier: Apache-2.0
//! What a run is worth: nine components in 0..=1, each of which a reader can weight otherwise, and
//! one number.
//!
//! A run is measured against what a perfect gate would have got out of the same plant
//! (`score/ideal.rs`): it knows the future and serves the most important first, but cannot do more
//! work than there are workers. No policy reaches 100 where arrivals are random; the oracle limit
//! shows what can be had.
//!
//! ```
//! use atrion_sim::{Components, Scenario, plant, policy};
//!
//! let scenario = Scenario::parse(r#"
//!     name = "twice"
//!     purpose = "Twice the capacity for five seconds."
//!     seconds = 20
//!     plant = { workers = 8, service = 0.02, deadline = 0.5 }
//!     load = { load = 0.6 }
//!     change = [{ at = 8, load = 2.0 }, { at = 13, load = 0.6 }]
//! "#)?;
//! let entries = policy::all();
//! let score = |name: &str| -> Result<f64, Box<dyn std::error::Error>> {
//!     let entry = entries.iter().find(|entry| entry.name == name).ok_or("no such policy")?;
//!     Ok(Components::of(&plant::run(&scenario, 1, entry.make(&scenario)?.as_mut())).score())
//! };
//! assert!(score("adaptive")? > score("nothing")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bins;
mod fairness;
mod ideal;
mod latency;
mod recovery;

pub use bins::{Bin, Record};
pub use ideal::{Best, Ideal};

use serde::{Deserialize, Serialize};

pub(crate) use fairness::fairness;
use recovery::recovery;

/// The parts of a score, each 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Components {
    /// Requests answered in time, over what a perfect gate would have answered.
    pub goodput: f64,
    /// The same with critical 16, high 8, normal 4, low 2, bulk 1.
    pub weighted: f64,
    /// The same for critical requests alone.
    pub critical: f64,
    /// Of the calls let through, the share that was not in vain. What fails whatever one does is
    /// forgiven, up to a half.
    pub waste: f64,
    /// How soon goodput is back after trouble: 1 at once, 0.5 after five seconds. None where there
    /// is no trouble's end.
    pub recovery: Option<f64>,
    /// One less the 99th percentile of the time that answered calls waited, over the deadline.
    pub tail: f64,
    /// How steadily the gate lets through what a perfect one would.
    pub flapping: f64,
    /// One less the share of requests that were refused without need.
    pub false_sheds: f64,
    /// Jain's index over users, without what chance alone explains.
    pub fairness: f64,
    /// While a route is in trouble, the share of the others' requests that was answered in time. It
    /// is in no score. None where no route is.
    pub spared: Option<f64>,
}

/// Names and weights, in the order of the table.
pub const WEIGHTS: [(&str, f64); 9] = [
    ("goodput", 25.0),
    ("weighted", 25.0),
    ("critical", 15.0),
    ("waste", 10.0),
    ("recovery", 8.0),
    ("tail", 5.0),
    ("flapping", 4.0),
    ("false_sheds", 6.0),
    ("fairness", 2.0),
];

impl Components {
    /// The components of a run.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let ideal = Ideal::of(record);
        let total = |tiers: &[f64; 5]| tiers.iter().sum::<f64>();
        let weighted = |tiers: &[f64; 5]| tiers.iter().zip(WORTH).map(|(n, worth)| n * worth).sum::<f64>();
        let (mut got, mut want, mut alone) = ([0.0; 5], [0.0; 5], 0.0);
        let (mut passed, mut in_vain, mut refused, mut needless, mut swings) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (bin, best) in record.scored().zip(&ideal.bins) {
            for tier in 0..5 {
                got[tier] += f64::from(bin.succeeded[tier]);
                want[tier] += best.succeeded[tier];
            }
            alone += best.critical_alone;
            passed += f64::from(bin.passed);
            let ended_badly = f64::from(bin.late + bin.failed);
            in_vain += (ended_badly - best.forgiven * f64::from(bin.ended())).max(0.0);
            refused += (f64::from(bin.attempts) - f64::from(bin.passed)).max(0.0);
            needless += best.needless_refusals(bin);
        }
        let attempts: f64 = record.scored().map(|bin| f64::from(bin.attempts)).sum();
        swings += swing(record, &ideal);
        let share = |part: f64, whole: f64| if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 1.0 };
        debug_assert!(needless <= refused + 1e-6);
        Self {
            goodput: share(total(&got), total(&want)),
            weighted: share(weighted(&got), weighted(&want)),
            critical: share(got[0], alone),
            waste: 1.0 - share(in_vain, passed.max(in_vain).max(1.0)),
            recovery: recovery(record, &ideal),
            tail: 1.0 - (record.waits.quantile(0.99) / record.deadline).clamp(0.0, 1.0),
            flapping: (1.0 - 3.0 * swings).clamp(0.0, 1.0),
            false_sheds: 1.0 - share(needless, attempts.max(1.0)),
            fairness: fairness(&record.users),
            spared: (record.spared.0 > 0).then(|| f64::from(record.spared.1) / f64::from(record.spared.0)),
        }
    }

    /// In the order of [`WEIGHTS`].
    #[must_use]
    pub const fn list(&self) -> [Option<f64>; 9] {
        [
            Some(self.goodput),
            Some(self.weighted),
            Some(self.critical),
            Some(self.waste),
            self.recovery,
            Some(self.tail),
            Some(self.flapping),
            Some(self.false_sheds),
            Some(self.fairness),
        ]
    }

    /// The weighted mean, 0..=100; a component that a scenario does not have leaves its weight to
    /// the others.
    #[must_use]
    pub fn score(&self) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (value, (_, weight)) in self.list().into_iter().zip(WEIGHTS) {
            if let Some(value) = value {
                sum += weight * value;
                weights += weight;
            }
        }
        100.0 * sum / weights
    }
}

/// The mean change from bin to bin of the share that passes, less that of a perfect gate and less
/// what chance explains. Bins are put together until each has enough requests to speak of a share.
fn swing(record: &Record, ideal: &Ideal) -> f64 {
    let (mut last, mut sum, mut count) = (None, 0.0, 0.0);
    let (mut attempts, mut passed, mut best, mut offered) = (0.0, 0.0, 0.0, 0.0);
    for (bin, perfect) in record.scored().zip(&ideal.bins) {
        attempts += f64::from(bin.attempts);
        passed += f64::from(bin.passed);
        offered += f64::from(bin.offers());
        best += perfect.admitted;
        if attempts < ENOUGH {
            continue;
        }
        let share = passed / attempts;
        let deviation: f64 = share - if offered > 0.0 { (best / offered).min(1.0) } else { 1.0 };
        if let Some(before) = last {
            let noise = 1.2 * libm::sqrt(share * (1.0 - share) / attempts);
            let change: f64 = deviation - before;
            sum += (change.abs() - noise).max(0.0);
            count += 1.0;
        }
        last = Some(deviation);
        (attempts, passed, best, offered) = (0.0, 0.0, 0.0, 0.0);
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

/// What an answer is worth, by tier.
pub(crate) const WORTH: [f64; 5] = [16.0, 8.0, 4.0, 2.0, 1.0];

const ENOUGH: f64 = 40.0;
