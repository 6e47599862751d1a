// SPDX-License-Identifier: Apache-2.0
//! Scar tissue: `S <- S e^(-lambda dt) + sigma [||max(P, 0)|| > P_crit]` (`manual/physics.md`
//! section 1).

use super::{Pressure, RfcConfig};
use crate::Ohms;

/// S after a tick that lasted `dt` seconds. Trauma counts once per tick, however many requests
/// suffered.
pub(super) fn step(scar: Ohms, pressure: Pressure, dt: f64, config: &RfcConfig) -> Ohms {
    let healed = scar.get() * libm::exp(-config.decay_rate * dt);
    let trauma = if pressure.strain() > config.critical_pressure { config.scar_factor } else { 0.0 };
    Ohms::saturating(healed + trauma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_of_trauma_adds_sigma_and_silence_does_not() {
        let config = RfcConfig::default();
        let trauma = Pressure::saturating(0.8, -1.0, -1.0);
        assert_eq!(step(Ohms::ZERO, trauma, 0.1, &config).get(), 5.0);
        assert_eq!(step(Ohms::ZERO, Pressure::saturating(-1.0, -1.0, -1.0), 0.1, &config), Ohms::ZERO);
    }

    #[test]
    fn the_critical_pressure_itself_is_not_yet_trauma() {
        let config = RfcConfig { critical_pressure: 0.5, ..RfcConfig::default() };
        assert_eq!(step(Ohms::ZERO, Pressure::saturating(0.5, 0.0, 0.0), 0.1, &config), Ohms::ZERO);
    }
}
