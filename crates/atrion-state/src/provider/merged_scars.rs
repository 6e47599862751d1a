// SPDX-License-Identifier: Apache-2.0
//! What a provider that keeps a history for people may ask of the engine.

use atrion_core::Ohms;

use crate::RouteId;

/// What the gates of this process make of the fleet.
///
/// It is for people who read a history: was a route shed because of its own scar or because of the
/// scars of others? No decision reads it, and it is never published: peers hear a node's own scar
/// and nothing else.
pub trait MergedScars: Send + Sync + 'static {
    /// `S_merged` of a route: the scar that its gate uses instead of its own. `None` where it uses
    /// its own.
    fn merged_scar(&self, route: &RouteId) -> Option<Ohms>;
}
