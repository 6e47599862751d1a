// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use atrion_core::Wall;

use crate::RouteId;

/// What a node keeps of a lease in its store: a fact for people, of which nothing is ever counted
/// again.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct LeaseRecord {
    /// The route that the slot is of.
    pub route: RouteId,
    /// The lease's number in the life of the node that has held it.
    pub lease: u64,
    /// Who works under it, in the holder's own words.
    pub owner: Arc<str>,
    /// Since when it is held.
    pub since: Wall,
    /// The latest beat.
    pub beat: Wall,
    /// How much is done, 0..=1, if the holder says.
    pub progress: Option<f64>,
    /// When a later life of the node has found that the job ended with the life before; `None`: it
    /// is held.
    pub lost: Option<Wall>,
}
