// SPDX-License-Identifier: Apache-2.0
//! The perfect gate: bin by bin it serves the most important requests until the plant is full.
//!
//! What it cannot serve in one bin waits for the next, as far as the deadline reaches. It knows
//! nothing of chance inside a bin: it is a bound, not a policy.

use super::bins::{Bin, Record};

/// The best that could have happened.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Ideal {
    /// For every bin that counts.
    pub bins: Vec<Best>,
}

/// The best of one bin.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Best {
    /// Answers in time, by tier.
    pub succeeded: [f64; 5],
    /// Answers to critical requests, if they were all that counts.
    pub critical_alone: f64,
    /// Requests let through.
    pub admitted: f64,
    /// Share of calls that end badly whatever one does, up to a half. More than that is not worth
    /// calling.
    pub forgiven: f64,
}

impl Best {
    /// Refusals beyond those that a perfect gate would have needed for the attempts that came.
    pub(crate) fn needless_refusals(&self, bin: &Bin) -> f64 {
        let refused = f64::from(bin.attempts.saturating_sub(bin.passed));
        let needed = (f64::from(bin.attempts) - self.admitted).max(0.0);
        (refused - needed).max(0.0)
    }
}

impl Ideal {
    /// The best for the requests that a record has seen.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let width = record.width();
        let first = record.first_scored();
        let bins = record.scored().enumerate().map(|(nth, bin)| {
            let begin = (first + nth) as f64 * width;
            best(bin, record, begin, width)
        });
        Self { bins: bins.collect() }
    }
}

fn best(bin: &Bin, record: &Record, begin: f64, width: f64) -> Best {
    // Capacity and hopelessness, averaged over the bin.
    let (mut capacity, mut hopeless) = (0.0, 0.0);
    for slice in 0..SLICES {
        let conditions = record.plan.at(begin + (slice as f64 + 0.5) / SLICES as f64 * width);
        capacity += conditions.capacity() * width / SLICES as f64;
        hopeless += conditions.hopeless() / SLICES as f64;
    }
    let alive = 1.0 - hopeless;
    let mut left = capacity;
    let mut best = Best { forgiven: if hopeless <= 0.5 { hopeless } else { 0.0 }, ..Best::default() };
    for tier in 0..5 {
        let answerable = f64::from(bin.offered[tier]) * alive;
        let served = answerable.min(left);
        left -= served;
        best.succeeded[tier] = served;
        if tier == 0 {
            best.critical_alone = answerable.min(capacity);
        }
    }
    let served: f64 = best.succeeded.iter().sum();
    // Calling a dependency that mostly fails is no duty.
    best.admitted = if hopeless <= 0.5 && alive > 0.0 { served / alive } else { 0.0 };
    best
}

/// Slices of a bin.
const SLICES: usize = 20;
