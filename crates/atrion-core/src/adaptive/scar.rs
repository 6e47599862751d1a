// SPDX-License-Identifier: Apache-2.0
//! The scar (`manual/physics.md` section 3.5): what is left of past failures.

use super::{AdaptiveConfig, Tick};

/// Scar tissue S, in ohms.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Scar {
    ohms: f64,
    held: bool,
}

impl Scar {
    /// A scar of an earlier life.
    pub(super) const fn of(ohms: f64) -> Self {
        Self { ohms, held: false }
    }

    /// The scar of a dead route: held at its maximum until the breaker closes.
    pub(super) const fn held(most: f64) -> Self {
        Self { ohms: most, held: true }
    }

    /// Heals by decay, grows by trauma per unit of time, never per request, and by trauma alone to
    /// `scar_ceiling` at most.
    ///
    /// `trauma` is 0..=1, see [`trauma`].
    pub(super) fn step(&mut self, tick: &Tick, trauma: f64, config: &AdaptiveConfig) {
        if self.held {
            return;
        }
        let healed = self.ohms * tick.keep_scar;
        let hurt = (healed + config.scar_rate * tick.seconds * trauma).min(config.scar_ceiling);
        self.ohms = if config.laws.scar { healed.max(hurt) } else { 0.0 };
    }

    /// S, in ohms.
    pub(super) const fn get(&self) -> f64 {
        self.ohms
    }

    /// The rate at which it fades if nothing more happens, in 1/s: 0 while it is held.
    pub(super) const fn decay(&self, config: &AdaptiveConfig) -> f64 {
        if self.held { 0.0 } else { config.scar_decay }
    }
}

/// How badly the route is hurt, 0..=1: errors as far as load makes them, and any errors beyond a
/// half.
pub(super) fn trauma(error_share: f64, blame: f64) -> f64 {
    (blame * error_share).max(2.0 * error_share - 1.0).max(0.0)
}
