// SPDX-License-Identifier: Apache-2.0
//! What a model tells a store, and what it takes from one.

use atrion_core::{Mono, Ohms};
use atrion_state::{DecayRate, MomentumRate, PhysicsVector, Weight};

use super::Model;

impl Model {
    /// The node's own vector, without a time of the wall: never anything merged.
    pub(crate) fn vector(&self, now: Mono) -> PhysicsVector {
        let resistance = Ohms::saturating(self.terms(None, 0, now).resistance().get());
        let (momentum, weight, decay) = match self {
            Self::Adaptive { rules, state: Some(state) } => {
                (state.momentum(), state.evidence().get(), state.scar_decay(&rules.physics))
            }
            Self::Adaptive { rules, state: None } => (0.0, 0.0, rules.physics.scar_decay),
            Self::Rfc { rules, state } => (state.momentum, 1.0, rules.physics.law.decay_rate),
        };
        PhysicsVector::new(self.mode(), resistance, self.scar())
            .with_momentum(MomentumRate::saturating(momentum))
            .with_weight(Weight::from_share(weight))
            .with_decay_rate(DecayRate::saturating(decay))
    }
}

/// What is left of a scar of an earlier life. One that was held then has been fading at `decay`
/// since it was last seen so.
pub(super) fn left(vector: &PhysicsVector, decay: f64) -> Ohms {
    let held = vector.decay_rate == DecayRate::ZERO;
    if held { vector.with_decay_rate(DecayRate::saturating(decay)).aged_scar() } else { vector.aged_scar() }
}
