// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What this node knows of its own routes, and what of that the database has not seen: without
//! clock or I/O.
//!
//! - Vectors and the set of those that wait are a [`StateManager`]'s, which the write-behind pushes
//!   from.
//! - Changes of modes are events, which do not coalesce: they wait in a ring of their own that
//!   loses the oldest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms};
use atrion_state::{PhysicsVector, RouteId, StateManager, lock};

#[derive(Debug)]
pub(super) struct Own {
    pub(super) vectors: Arc<StateManager>,
    /// A lock, because the port's methods and the worker both use it. It is held for the length of
    /// a batch.
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// Numbers every row and change of this node's life.
    seq: u64,
    changes: VecDeque<Change>,
    /// Changes of modes that no room was left for, ever.
    overrun: u64,
}

/// A row to write: the vector as of now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) route: RouteId,
    pub(super) seq: u64,
    pub(super) vector: PhysicsVector,
}

/// A route changed its mode.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) route: RouteId,
    pub(super) seq: u64,
    pub(super) from: Mode,
    pub(super) vector: PhysicsVector,
    /// The scar that the gate used because of the fleet.
    pub(super) merged: Option<Ohms>,
    /// By this node's clock.
    pub(super) noticed: Mono,
    /// By the database's, in microseconds since 1970. Fixed when it is first written, so that
    /// writing it again after an unknown outcome finds the same row.
    pub(super) at: Option<i64>,
}

/// How many changes of modes may wait. A fleet's worst minute has fewer; an outage of an hour may
/// have more.
pub(super) const RING: usize = 4_096;

impl Own {
    /// Nothing, and room for `limit` routes.
    pub(super) fn new(limit: usize) -> Self {
        Self { vectors: Arc::new(StateManager::with_capacity(limit)), ring: Mutex::default() }
    }

    /// Whether this vector would be a change of the route's mode.
    pub(super) fn turns(&self, route: &RouteId, vector: &PhysicsVector, now: Mono) -> bool {
        self.mode(route, now) != vector.mode
    }

    /// Takes a vector of the running life, and what the gate made of the fleet meanwhile, for a
    /// change of the mode.
    pub(super) fn put(&self, route: RouteId, vector: PhysicsVector, merged: Option<Ohms>, now: Mono) {
        // Held over both, so that changes of one route stand in the ring in their order.
        let mut ring = self.ring();
        let from = self.mode(&route, now);
        self.vectors.put(&route, vector, now);
        if from != vector.mode {
            let seq = ring.number();
            ring.push(Change { route, seq, from, vector, merged, noticed: now, at: None });
        }
    }

    /// Vectors as rows, in the order of their names: batches of two nodes lock rows in the same
    /// order.
    pub(super) fn rows(&self, batch: &[(RouteId, PhysicsVector)]) -> Vec<Row> {
        let mut ring = self.ring();
        let row = |(route, vector): &(RouteId, PhysicsVector)| Row {
            route: route.clone(),
            seq: ring.number(),
            vector: *vector,
        };
        let mut rows: Vec<_> = batch.iter().map(row).collect();
        drop(ring);
        rows.sort_unstable_by(|one, other| one.route.cmp(&other.route));
        rows
    }

    /// Rows of routes that are not quite well: a scar is left, or they are not operational.
    pub(super) fn unwell(&self, now: Mono) -> Vec<(RouteId, PhysicsVector)> {
        let mut all = self.vectors.all(now);
        all.retain(|(_, vector)| {
            let scarred = vector.aged_scar().get() >= PhysicsVector::NEUTRAL_OHMS;
            // A route that was not touched for a day is no news, whatever its mode was.
            vector.age < DAY && (scarred || vector.mode != Mode::Operational)
        });
        all
    }

    /// The oldest changes of modes, `most` at most, dated. They stay until they are
    /// [`written`](Self::written).
    pub(super) fn changes(&self, most: usize, date: impl Fn(Mono) -> i64) -> Vec<Change> {
        let mut ring = self.ring();
        let oldest = ring.changes.iter_mut().take(most);
        oldest
            .map(|change| {
                change.at.get_or_insert_with(|| date(change.noticed));
                change.clone()
            })
            .collect()
    }

    /// The database has the changes up to this one, or they are given up.
    pub(super) fn written(&self, last: &Change) {
        let mut ring = self.ring();
        // The ring may have lost some of them meanwhile: numbers say which are left.
        while ring.changes.front().is_some_and(|change| change.seq <= last.seq) {
            ring.changes.pop_front();
        }
    }

    /// Whether changes of modes wait.
    pub(super) fn has_changes(&self) -> bool {
        !self.ring().changes.is_empty()
    }

    /// How many changes of modes were given up because the ring was full.
    pub(super) fn overrun(&self) -> u64 {
        self.ring().overrun
    }

    /// A life begins in bootstrap.
    fn mode(&self, route: &RouteId, now: Mono) -> Mode {
        self.vectors.get(route, now).map_or(Mode::Bootstrap, |vector| vector.mode)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        lock(&self.ring)
    }
}

impl Ring {
    fn number(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn push(&mut self, change: Change) {
        if self.changes.len() >= RING {
            self.changes.pop_front();
            self.overrun += 1;
        }
        self.changes.push_back(change);
    }
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RouteId {
        RouteId::new(text).unwrap()
    }

    fn vector(mode: Mode, scar: f64) -> PhysicsVector {
        PhysicsVector::new(mode, Ohms::ZERO, Ohms::saturating(scar))
    }

    fn second(nth: u64) -> Mono {
        Mono::from_nanos(nth * 1_000_000_000)
    }

    #[test]
    fn rows_come_in_the_order_of_names_and_later_ones_have_higher_numbers() {
        let own = Own::new(100);
        for nth in [3, 1, 2, 5, 4] {
            own.put(name(&format!("r{nth}")), vector(Mode::Operational, 1.0), None, second(0));
        }
        let batch = own.vectors.take_dirty(10, second(1));
        let rows = own.rows(batch.vectors());
        let names: Vec<_> = rows.iter().map(|row| row.route.as_str()).collect();
        assert_eq!(names, ["r1", "r2", "r3", "r4", "r5"]);
        let last = rows.iter().map(|row| row.seq).max();
        assert!(own.rows(batch.vectors()).iter().all(|row| Some(row.seq) > last));
    }

    #[test]
    fn an_earlier_life_is_remembered_and_does_not_overwrite_this_one() {
        let own = Own::new(10);
        own.put(name("a"), vector(Mode::Operational, 1.0), None, second(0));
        own.vectors.restore(&name("a"), Some(vector(Mode::CircuitBreaker, 9.0)), second(1));
        own.vectors.restore(&name("b"), Some(vector(Mode::CircuitBreaker, 9.0)), second(1));
        assert_eq!(own.vectors.get(&name("a"), second(1)).unwrap().mode, Mode::Operational);
        assert_eq!(own.vectors.dirty(), 1, "what the database has is clean");
        own.vectors.mark_lost(second(2));
        assert_eq!(own.vectors.dirty(), 1, "an earlier life's rows are not this one's to write");
        // It goes on where the earlier life was: that is no change.
        let before = own.ring().changes.len();
        own.put(name("b"), vector(Mode::CircuitBreaker, 9.0), None, second(3));
        assert_eq!(own.ring().changes.len(), before);
    }

    #[test]
    fn changes_of_modes_do_not_coalesce_and_the_oldest_are_lost_first() {
        let own = Own::new(10);
        for nth in 0..(RING as u64 + 10) {
            let mode = if nth % 2 == 0 { Mode::CircuitBreaker } else { Mode::Operational };
            own.put(name("a"), vector(mode, 1.0), None, second(nth));
        }
        let waiting = own.ring().changes.len();
        assert_eq!((waiting, own.overrun()), (RING, 10));
        let micros = |at: Mono| (at.as_nanos() / 1_000) as i64;
        let first = own.changes(100, micros);
        assert_eq!(first[0].at, Some(10_000_000));
        assert_eq!(own.changes(100, |_| 7), first, "a date is given once");
        own.written(&first[99]);
        assert_eq!(own.changes(1, micros)[0].noticed, second(110));
    }

    #[test]
    fn samples_are_of_what_is_not_well() {
        let own = Own::new(10);
        own.put(name("well"), vector(Mode::Operational, 0.0), None, second(0));
        own.put(name("scarred"), vector(Mode::Operational, 5.0), None, second(0));
        own.put(name("open"), vector(Mode::CircuitBreaker, 0.0), None, second(0));
        own.put(name("learning"), vector(Mode::Bootstrap, 0.0), None, second(0));
        let mut names: Vec<_> = own.unwell(second(1)).iter().map(|(route, _)| route.to_string()).collect();
        names.sort();
        assert_eq!(names, ["learning", "open", "scarred"]);
        assert!(own.unwell(second(100_000)).is_empty());
    }
}
