// SPDX-License-Identifier: Apache-2.0
//! Momentum: how fast pressure moves, `M = ||P(t) - P(t-2)|| / dt` (`manual/physics.md` section 1).
//!
//! The paper compares with the tick before. The implementation in use keeps, beside the pressure of
//! the last tick, that of the one before it, and measures from there: the reference is two ticks
//! old while `dt` is one tick long. So a steady rise counts twice and a single spike counts twice
//! in a row. The recordings settle which of the two is the model, and the preset promises their
//! numbers (`docs/adr/0007-two-presets.md`).

use super::Pressure;

/// M in 1/s: finite and >= 0. No time gone by, no speed.
pub(super) fn step(pressure: Pressure, reference: Pressure, dt: f64) -> f64 {
    if dt > 0.0 { pressure.distance(reference) / dt } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_way_over_time() {
        let (from, to) = (Pressure::NORMAL, Pressure::saturating(0.3, 0.0, 0.4));
        assert!((step(to, from, 0.1) - 5.0).abs() < 1e-12);
        assert_eq!(step(to, from, 0.1), step(from, to, 0.1));
    }

    #[test]
    fn without_time_there_is_no_speed() {
        assert_eq!(step(Pressure::saturating(1.0, 1.0, 1.0), Pressure::NORMAL, 0.0), 0.0);
    }
}
