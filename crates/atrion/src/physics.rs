// SPDX-License-Identifier: Apache-2.0
//! The physics on its own: pure functions, for tools and simulations.

pub use atrion_core::{
    AdaptiveState, Beta, BetaError, Blend, Capacity, Evidence, Gate, Ladder, Law, Own, Peer, PeerLoad, Tick,
    Tuner, TunerConfig, Window, blend, choose, retry_after, shares, update_physics,
};

pub use atrion_core::adaptive::{Expected, Failures, Pairs, Work};

/// The model as it was first published.
pub mod rfc {
    pub use atrion_core::rfc::{
        Baselines, Criticality, PhysicsState, Pressure, RfcConfig, Slo, Thresholds, Weights, normalise,
        update_physics,
    };
}
