// SPDX-License-Identifier: Apache-2.0
//! Momentum (`manual/physics.md` section 3.5): pressure that rises raises R before it is there.

use super::Tick;

/// Momentum M, in 1/s: how fast pressure rises. Falling pressure has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Momentum {
    rate: f64,
    last_saturation: f64,
    last_errors: f64,
}

impl Momentum {
    pub(super) fn step(&mut self, tick: &Tick, saturation: f64, errors: f64) {
        // Without time there is no speed: the rise is left for the next tick to see.
        if tick.seconds <= 0.0 {
            return;
        }
        let rise_saturation = (saturation - self.last_saturation).max(0.0);
        let rise_errors = (errors - self.last_errors).max(0.0);
        let rise = libm::sqrt(rise_saturation * rise_saturation + rise_errors * rise_errors);
        self.rate += 0.5 * ((rise / tick.seconds).min(MOST) - self.rate);
        self.last_saturation = saturation;
        self.last_errors = errors;
    }

    /// The pressure of now without momentum: a route that begins to obey the law has not just risen
    /// to that pressure.
    pub(super) const fn at_rest(saturation: f64, errors: f64) -> Self {
        Self { rate: 0.0, last_saturation: saturation, last_errors: errors }
    }

    /// M, in 1/s, 0..=4.
    pub(super) const fn get(&self) -> f64 {
        self.rate
    }
}

/// The most, in 1/s: a jump within one tick says no more.
const MOST: f64 = 4.0;
