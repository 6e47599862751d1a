// SPDX-License-Identifier: Apache-2.0
//! The recorded decisions, taken again on the recorded telemetry.

use atrion_engine::recording::{Recorded, Retrace};
use serde::Serialize;

/// Whether this code decides as the recorded one did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Proof {
    /// Decisions that were taken again.
    pub pulses: usize,
    /// Those that are the same to the bit.
    pub same: usize,
    /// The first that is not.
    pub first_different: Option<Difference>,
}

/// A decision that came out otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Difference {
    /// Its number, from 0.
    pub pulse: usize,
    /// R as recorded, in ohms.
    pub recorded: f64,
    /// R as it comes out now.
    pub now: f64,
}

impl Proof {
    /// Takes every decision of a recording again, under its own configuration.
    #[must_use]
    pub fn of(recorded: &Recorded) -> Self {
        let mut proof = Self { pulses: 0, same: 0, first_different: None };
        for part in &recorded.parts {
            let mut retrace = Retrace::of(&part.start);
            for pulse in &part.pulses {
                let now = retrace.pulse(pulse);
                if now.is_to_the_bit(&pulse.decided) {
                    proof.same += 1;
                } else if proof.first_different.is_none() {
                    let [recorded, now] = [&pulse.decided, &now].map(|decided| decided.resistance().get());
                    proof.first_different = Some(Difference { pulse: proof.pulses, recorded, now });
                }
                proof.pulses += 1;
            }
        }
        proof
    }

    /// Every decision is the same to the bit.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.same == self.pulses
    }
}
