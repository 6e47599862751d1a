// SPDX-License-Identifier: Apache-2.0
//! Debt (`manual/physics.md` section 3.4): a failed call keeps its slot until successes have paid
//! for it, or time has healed it. Debt is the scar in slots: it acts on the live gate, and a node
//! does not share it.

use super::{AdaptiveConfig, Tick};

/// How many slots one failure costs at effectiveness `eta`: `clamp((eta - 0.15)/0.15, 0, 1)`.
pub(super) fn gain(eta: f64) -> f64 {
    ((eta - 0.15) / 0.15).clamp(0.0, 1.0)
}

/// What one success pays back, in slots: twenty of them pay for one failure.
pub const REPAYMENT: f64 = 0.05;

/// Debt after a tick: it heals with a time constant of 5 s and never exceeds 1.25 N*.
pub(super) fn relax(debt: f64, tick: &Tick, target: f64, config: &AdaptiveConfig) -> f64 {
    if config.laws.debt { (debt * tick.keep_5s).min(ceiling(target)) } else { 0.0 }
}

/// The most debt a route with this target can have, in slots: enough to shut the gate, and no more
/// than successes can pay for soon where the target is one or two.
fn ceiling(target: f64) -> f64 {
    1.25 * target
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_failure_costs_in_so_far_as_load_causes_it() {
        assert_eq!([0.0, 0.15, 0.3, 1.0].map(gain), [0.0, 0.0, 1.0, 1.0]);
        assert!((gain(0.225) - 0.5).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn time_heals_it_and_a_ceiling_holds_it(debt in 0.0..1e6f64, target in 0.0..1e3f64, millis in 0u64..60_000) {
            let config = AdaptiveConfig::default();
            let span = Tick::new(Duration::from_millis(millis), &config);
            let left = relax(debt, &span, target, &config);
            let healed = debt * libm::exp(-(millis as f64) / 5_000.0);
            prop_assert!((left - healed.min(1.25 * target)).abs() < 1e-9 * (1.0 + debt));
        }
    }
}
