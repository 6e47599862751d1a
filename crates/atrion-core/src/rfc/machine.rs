// SPDX-License-Identifier: Apache-2.0
//! The modes of a route (`manual/physics.md` section 1). This preset does not probe: an open
//! breaker closes on telemetry.

use super::{Pressure, RfcConfig, Thresholds};
use crate::{Mode, Ohms};

/// The mode after a tick in which the law was applied.
pub(super) fn next(
    mode: Mode,
    resistance: Ohms,
    scar: Ohms,
    pressure: Pressure,
    thresholds: &Thresholds,
    config: &RfcConfig,
) -> Mode {
    match mode {
        // Enough was learned; the next tick looks at the resistance.
        Mode::Bootstrap => Mode::Operational,
        // The route resists as much as a broken one.
        Mode::Operational if resistance >= thresholds.break_at => Mode::CircuitBreaker,
        Mode::Operational => Mode::Operational,
        // The wound is smaller than one tick of trauma, and nothing presses.
        Mode::CircuitBreaker
            if scar.get() < config.scar_factor && pressure.norm() < config.critical_pressure =>
        {
            Mode::Operational
        }
        // Or it resists clearly less than at the break.
        Mode::CircuitBreaker if resistance < thresholds.recover_below => Mode::Operational,
        Mode::CircuitBreaker => Mode::CircuitBreaker,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mode: Mode, resistance: f64, scar: f64, pressure: f64) -> Mode {
        let config = RfcConfig::default();
        let thresholds = Thresholds::of(&config, &crate::Tuner::default());
        let pressure = Pressure::saturating(pressure, 0.0, 0.0);
        next(mode, Ohms::saturating(resistance), Ohms::saturating(scar), pressure, &thresholds, &config)
    }

    #[test]
    fn the_break_point_opens_and_the_recovery_point_does_not_close() {
        assert_eq!(after(Mode::Operational, 99.999, 80.0, 0.9), Mode::Operational);
        assert_eq!(after(Mode::Operational, 100.0, 80.0, 0.9), Mode::CircuitBreaker);
        assert_eq!(after(Mode::CircuitBreaker, 50.0, 30.0, 0.9), Mode::CircuitBreaker);
        assert_eq!(after(Mode::CircuitBreaker, 49.999, 30.0, 0.9), Mode::Operational);
    }

    #[test]
    fn a_small_wound_without_pressure_closes_whatever_the_resistance() {
        assert_eq!(after(Mode::CircuitBreaker, 1_000.0, 4.9, 0.6), Mode::Operational);
        assert_eq!(after(Mode::CircuitBreaker, 1_000.0, 5.0, 0.6), Mode::CircuitBreaker);
        assert_eq!(after(Mode::CircuitBreaker, 1_000.0, 4.9, 0.7), Mode::CircuitBreaker);
    }

    #[test]
    fn leaving_bootstrap_never_opens_the_breaker() {
        assert_eq!(after(Mode::Bootstrap, 1_000.0, 500.0, 1.0), Mode::Operational);
    }
}
