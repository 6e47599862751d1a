// SPDX-License-Identifier: Apache-2.0
//! One cached vector, and whether the store has it.

use atrion_core::Mono;

use super::dirty::Place;
use crate::{News, PhysicsVector, Told, Weight};

/// Immutable, because readers see it without a lock: a change is a new entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    told: Told,
    /// The evidence that was last taken for a push.
    sent: Option<Weight>,
    /// Its place in the dirty queue, if the store lacks it. Invariant: the queue has this route
    /// there and nowhere else.
    pub(super) place: Option<Place>,
    /// Its vector came from the store.
    restored: bool,
}

impl Entry {
    /// A vector that the store has not seen.
    pub(super) const fn unseen(vector: PhysicsVector, at: Mono, place: Place) -> Self {
        Self { told: Told { vector, at }, sent: None, place: Some(place), restored: false }
    }

    /// A vector that came from the store.
    pub(super) const fn seen(vector: PhysicsVector, at: Mono) -> Self {
        Self { told: Told { vector, at }, sent: Some(vector.weight), place: None, restored: true }
    }

    pub(super) fn is_outdated_by(&self, vector: &PhysicsVector, now: Mono) -> bool {
        self.told.news(vector, now) > News::None
    }

    pub(super) const fn replaced(&self, vector: PhysicsVector, at: Mono, place: Place) -> Self {
        Self { told: Told { vector, at }, sent: self.sent, place: Some(place), restored: false }
    }

    pub(super) fn aged(&self, now: Mono) -> PhysicsVector {
        self.told.aged(now)
    }

    /// What goes first where room is needed: what says nothing, then what was told longest ago.
    pub(super) fn worth(&self) -> (bool, Mono) {
        (!self.told.vector.is_neutral(), self.told.at)
    }

    /// Whether a store that lost something may lack it: what came from the store was durable.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.place.is_none() && !self.restored
    }

    pub(super) const fn sent_weight(&self) -> Option<Weight> {
        self.sent
    }

    pub(super) const fn queued(&self, place: Place) -> Self {
        Self { place: Some(place), ..*self }
    }

    pub(super) const fn taken(&self) -> Self {
        Self { sent: Some(self.told.vector.weight), place: None, ..*self }
    }
}
