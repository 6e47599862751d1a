// SPDX-License-Identifier: Apache-2.0
//! Debt (`docs/physics.md` section 3.4): a failed call keeps its slot until successes have paid for it, or time has
//! healed it. Debt is the scar in slots: it acts on the live gate and is a node's own affair.

use super::{AdaptiveConfig, Tick};

/// How many slots one failure costs at effectiveness `eta`: `clamp((eta - 0.15)/0.15, 0, 1)`.
#[must_use]
pub fn gain(eta: f64) -> f64 {
    ((eta - 0.15) / 0.15).clamp(0.0, 1.0)
}

/// What one success pays back, in slots: twenty of them pay for one failure.
pub const REPAYMENT: f64 = 0.05;

/// Debt after a tick: it heals with a time constant of 5 s and never exceeds 1.25 N*.
#[must_use]
pub fn relax(debt: f64, tick: &Tick, target: f64, config: &AdaptiveConfig) -> f64 {
    if config.laws.debt { (debt * tick.keep_5s).min(ceiling(target)) } else { 0.0 }
}

/// The most debt a route with this target can have, in slots: enough to shut the gate, and no more than successes can
/// pay for soon where the target is one or two.
#[must_use]
pub fn ceiling(target: f64) -> f64 {
    1.25 * target
}
