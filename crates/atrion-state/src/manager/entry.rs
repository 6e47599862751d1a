// SPDX-License-Identifier: Apache-2.0
//! One cached vector, and what the store is believed to have of it.

use std::time::Duration;

use atrion_core::Mono;

use super::dirty::Place;
use crate::{PhysicsVector, Weight};

/// Immutable, because readers see it without a lock: a change is a new entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    vector: PhysicsVector,
    at: Mono,
    /// What was last taken for a push, and when.
    sent: Option<(PhysicsVector, Mono)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The store has it, as far as anybody can tell.
    Clean,
    /// It differs, and has no place in the dirty queue yet.
    Fresh,
    /// It has this place in the dirty queue. Invariant: exactly one, and the queue has this route there.
    Queued(Place),
}

/// A difference of scars that a reader notices: a twentieth of an ohm, or half a percent of a large one. Under it
/// no gate moves by a bucket of its table.
const NOTICEABLE_OHMS: f64 = 0.05;
const NOTICEABLE_SHARE: f64 = 0.005;
/// Resistance is for people: coarser.
const VISIBLE_OHMS: f64 = 1.0;
/// A tenth of all evidence.
const NOTICEABLE_255THS: u8 = 25;
/// Stores forget after 70 s at the default decay; a vector that is still worth something is refreshed well before.
const REFRESH: Duration = Duration::from_secs(30);

impl Entry {
    pub(super) const fn unseen(vector: PhysicsVector, at: Mono) -> Self {
        Self { vector, at, sent: None, state: State::Fresh }
    }

    pub(super) const fn seen(vector: PhysicsVector, at: Mono) -> Self {
        Self { vector, at, sent: Some((vector, at)), state: State::Clean }
    }

    pub(super) fn replaced(&self, vector: PhysicsVector, at: Mono) -> Self {
        let state = match self.state {
            State::Queued(place) => State::Queued(place),
            _ if self.sent.is_none_or(|(sent, when)| differs(&sent, &vector, at.since(when))) => State::Fresh,
            _ => State::Clean,
        };
        Self { vector, at, sent: self.sent, state }
    }

    pub(super) fn aged(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.at))
    }

    pub(super) fn sent_weight(&self) -> Option<Weight> {
        self.sent.map(|(vector, _)| vector.weight)
    }

    pub(super) fn wants_place(&self) -> bool {
        self.state == State::Fresh
    }

    pub(super) const fn place(&self) -> Option<Place> {
        match self.state {
            State::Queued(place) => Some(place),
            State::Clean | State::Fresh => None,
        }
    }

    pub(super) const fn queued(mut self, place: Place) -> Self {
        self.state = State::Queued(place);
        self
    }

    pub(super) fn taken(mut self, now: Mono) -> Self {
        self.sent = Some((self.aged(now), now));
        self.state = State::Clean;
        self
    }
}

/// Whether a reader who ages `sent` by the time since would see something else than `now`.
fn differs(sent: &PhysicsVector, now: &PhysicsVector, since: Duration) -> bool {
    let predicted = sent.older_by(since).aged_scar().get();
    let scar = now.aged_scar().get();
    sent.mode != now.mode
        || (scar - predicted).abs() > NOTICEABLE_OHMS.max(NOTICEABLE_SHARE * predicted)
        || (now.resistance.get() - sent.resistance.get()).abs() > VISIBLE_OHMS
        || now.weight.as_255ths().abs_diff(sent.weight.as_255ths()) > NOTICEABLE_255THS
        || (since >= REFRESH && (!now.is_neutral() || now.weight > Weight::NONE))
}
