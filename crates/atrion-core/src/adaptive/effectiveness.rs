// SPDX-License-Identifier: Apache-2.0
//! Effectiveness (`manual/physics.md` section 3.4): do failures rise with admissions?
//!
//! If errors do not depend on load, the failures of a tick are a thinned copy of its admissions,
//! and the slope of one over the other is the error ratio itself. If a capacity is full, every
//! extra admission fails and the slope is 1. Shedding helps only in the second case, so only there
//! a failure makes debt.

use super::Tick;
use super::window::real;

/// The decaying sums of the regression of failure differences on admission differences.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Effectiveness {
    szz: f64,
    szf: f64,
    errors: f64,
    ticks: f64,
    last_admitted: f64,
    last_failed: f64,
    eta: f64,
}

impl Effectiveness {
    /// `admitted` are the admissions that the failures belong to. Not called for a tick without
    /// time, in which nothing can have moved.
    pub(super) fn step(&mut self, tick: &Tick, admitted: f64, failed: u64) {
        let (a, f) = (admitted, real(failed));
        let keep = tick.keep_10s;
        self.szz *= keep;
        self.szf *= keep;
        self.errors *= keep;
        self.ticks *= keep;
        if f + self.last_failed > 0.0 {
            let (da, df) = (a - self.last_admitted, f - self.last_failed);
            let total = (a + self.last_admitted).max(1.0);
            // Differences are counted in units of their Poisson noise; beyond two sigma they weigh
            // no more.
            let weight = if da * da > 4.0 * total { 4.0 * total / (da * da) } else { 1.0 } / total;
            self.szz += weight * da * da;
            self.szf += weight * da * df;
            self.errors += (f + self.last_failed) / total;
            self.ticks += 1.0;
            let ratio = (self.errors / self.ticks).min(1.0);
            let slope = (self.szf + 10.0 * ratio) / (self.szz + 10.0);
            self.eta = ((slope - ratio) / (1.0 - ratio).max(0.05)).clamp(0.0, 1.0);
        } else {
            self.eta *= keep;
        }
        self.last_admitted = a;
        self.last_failed = f;
    }

    /// The breaker closed: the sums are of the outage and say nothing of what follows.
    pub(super) fn forget(&mut self) {
        *self = Self { last_admitted: self.last_admitted, last_failed: self.last_failed, ..Self::default() };
    }

    /// eta, 0..=1.
    pub(super) const fn get(&self) -> f64 {
        self.eta
    }
}
