// SPDX-License-Identifier: Apache-2.0
//! Where the breaker opens and where it closes again.

use super::RfcConfig;
use crate::{Ohms, Tuner};

/// The two resistances between which the breaker keeps its state.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Thresholds {
    /// `R_break`: at this resistance and above the breaker opens.
    pub break_at: Ohms,
    /// `R_recover`: below this resistance it closes.
    pub recover_below: Ohms,
}

impl Thresholds {
    /// The tuner's thresholds where one is configured, else `R_base * break_multiplier` and half of
    /// it.
    pub(super) fn of(config: &RfcConfig, tuner: &Tuner) -> Self {
        match &config.tuner {
            Some(tuning) => {
                Self { break_at: tuner.break_at(tuning), recover_below: tuner.recover_below(tuning) }
            }
            None => {
                let break_at = config.base_resistance * config.break_multiplier;
                Self { break_at: Ohms::saturating(break_at), recover_below: Ohms::saturating(break_at * 0.5) }
            }
        }
    }
}
