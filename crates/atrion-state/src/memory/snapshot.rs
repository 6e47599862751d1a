// SPDX-License-Identifier: Apache-2.0
//! The content of a store as a value, for files and tests.

use atrion_core::Wall;

use crate::{PhysicsVector, RouteId};

/// The content of an [`InMemoryProvider`](crate::InMemoryProvider) at one instant. With the feature
/// `serde` it can be written and read in any format; what is read is checked as strictly as what is
/// built.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct MemorySnapshot {
    /// When it was taken, for people.
    pub taken: Wall,
    /// The vectors, sorted by route, each at its age at that instant.
    pub routes: Vec<(RouteId, PhysicsVector)>,
}
