// SPDX-License-Identifier: Apache-2.0
//! Resistance: `R = max(R_base, R_base + w.P + mu M + S)` (`manual/physics.md` section 1).

use super::{Pressure, RfcConfig, Weights};
use crate::Ohms;

/// R after a tick, without staleness: a tick is fresh by definition.
pub(super) fn of(
    pressure: Pressure,
    momentum: f64,
    scar: Ohms,
    weights: &Weights,
    config: &RfcConfig,
) -> Ohms {
    let base = config.base_resistance;
    let sum = base + pressure.weighted(weights) + config.damping * momentum + scar.get();
    // `max` answers the other operand for NaN, so even an unchecked configuration keeps the floor.
    Ohms::saturating(sum.max(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doing_better_than_usual_does_not_go_below_the_base() {
        let config = RfcConfig::default();
        let weights = Weights::saturating(2.0, 2.0, 2.0);
        let idle = Pressure::saturating(-1.0, -1.0, -1.0);
        assert_eq!(of(idle, 0.0, Ohms::ZERO, &weights, &config).get(), 10.0);
        // A scar is paid for by what the route does better: 10 - 6 + 7.
        assert_eq!(of(idle, 0.0, Ohms::saturating(7.0), &weights, &config).get(), 11.0);
    }

    #[test]
    fn an_unchecked_configuration_keeps_r_finite() {
        let config = RfcConfig { damping: f64::NAN, ..RfcConfig::default() };
        assert_eq!(
            of(Pressure::NORMAL, 1.0, Ohms::ZERO, &Weights::saturating(1.0, 1.0, 1.0), &config).get(),
            10.0
        );
        let huge = Weights::saturating(f64::MAX, f64::MAX, f64::MAX);
        let full = Pressure::saturating(1.0, 1.0, 1.0);
        assert_eq!(of(full, 0.0, Ohms::ZERO, &huge, &RfcConfig::default()).get(), f64::MAX);
    }
}
