// SPDX-License-Identifier: Apache-2.0

use atrion_core::{Direction, Gamma};
use atrion_state::Sharing;

/// How a node listens to its fleet. What is left out is as the provider says; without a provider
/// that shares, there is no fleet to listen to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct FleetConfig {
    /// The weight of the fleet against the node itself, 0..=1. At 0 the node goes by its own scar
    /// alone, and the others hear it all the same.
    pub gamma: Option<Gamma>,
    /// Whether a node with little evidence of its own listens more.
    pub epistemic: Option<bool>,
    /// Which way the fleet may move this node's gates.
    pub direction: Option<Direction>,
}

impl FleetConfig {
    /// The provider's word, with what is set here in its place.
    pub(crate) fn of(&self, mut sharing: Sharing) -> Sharing {
        sharing.gamma = self.gamma.unwrap_or(sharing.gamma);
        sharing.epistemic = self.epistemic.unwrap_or(sharing.epistemic);
        sharing.direction = self.direction.unwrap_or(sharing.direction);
        sharing
    }
}
