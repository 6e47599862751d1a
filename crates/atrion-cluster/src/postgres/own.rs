// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What this node knows of its own routes, and what of that the database has not seen: without
//! clock or I/O.
//!
//! - A write sets a mark. Values are read when they are written out, so a slow database makes fewer
//!   and later rows and never a longer queue: what waits is bounded by the number of routes.
//! - Changes of modes are events, which do not coalesce: they wait in a ring of their own that
//!   loses the oldest.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms};
use atrion_state::{PhysicsVector, RouteId};

#[derive(Debug)]
pub(super) struct Own {
    routes: HashMap<RouteId, Entry>,
    /// Sorted, so that batches of two nodes lock rows in the same order.
    dirty: BTreeSet<RouteId>,
    limit: usize,
    /// Numbers every write of this node's life.
    seq: u64,
    changes: VecDeque<Change>,
    pub(super) counts: Counts,
}

#[derive(Debug, Clone)]
struct Entry {
    vector: PhysicsVector,
    /// When it was put here; its age counts on from then.
    put: Mono,
    seq: u64,
    /// Since when the database lacks something of it.
    dirty_since: Option<Mono>,
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

/// What was given up, ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Routes that made room for others.
    pub(super) evicted: u64,
    /// Changes of modes that no room was left for.
    pub(super) overrun: u64,
}

/// How many changes of modes may wait. A fleet's worst minute has fewer; an outage of an hour may
/// have more.
pub(super) const RING: usize = 4_096;

impl Own {
    /// Nothing, and room for `limit` routes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            routes: HashMap::new(),
            dirty: BTreeSet::new(),
            limit: limit.max(1),
            seq: 0,
            changes: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Whether this vector would be a change of the route's mode.
    pub(super) fn turns(&self, route: &RouteId, vector: &PhysicsVector) -> bool {
        // A life begins in bootstrap.
        self.routes.get(route).map_or(Mode::Bootstrap, |entry| entry.vector.mode) != vector.mode
    }

    /// Takes a vector of the running life, and what the gate made of the fleet meanwhile, for a
    /// change of the mode.
    pub(super) fn put(&mut self, route: RouteId, vector: PhysicsVector, merged: Option<Ohms>, now: Mono) {
        self.seq += 1;
        let known = self.routes.get(&route).map(|entry| (entry.vector.mode, entry.dirty_since));
        if known.is_none() {
            self.make_room();
        }
        let (from, dirty_since) = known.unwrap_or((Mode::Bootstrap, None));
        if from != vector.mode {
            let (route, seq) = (route.clone(), self.seq);
            self.changed(Change { route, seq, from, vector, merged, noticed: now, at: None });
        }
        let dirty_since = dirty_since.or(Some(now));
        self.dirty.insert(route.clone());
        self.routes.insert(route, Entry { vector, put: now, seq: self.seq, dirty_since });
    }

    /// Takes what an earlier life stored, unless this one knows better already. It is clean: the
    /// database has it.
    pub(super) fn remember(&mut self, route: RouteId, vector: PhysicsVector, now: Mono) {
        if !self.routes.contains_key(&route) && self.routes.len() < self.limit {
            self.routes.insert(route, Entry { vector, put: now, seq: 0, dirty_since: None });
        }
    }

    pub(super) fn get(&self, route: &RouteId, now: Mono) -> Option<PhysicsVector> {
        self.routes.get(route).map(|entry| entry.at(now))
    }

    pub(super) fn all(&self, now: Mono) -> Vec<(RouteId, PhysicsVector)> {
        self.routes.iter().map(|(route, entry)| (route.clone(), entry.at(now))).collect()
    }

    /// The next rows to write, in the order of their names, after `after`.
    pub(super) fn dirty(&self, after: Option<&RouteId>, most: usize, now: Mono) -> Vec<Row> {
        use std::ops::Bound::{Excluded, Unbounded};
        let rest = (after.map_or(Unbounded, Excluded), Unbounded);
        let rows = self.dirty.range::<RouteId, _>(rest).take(most);
        rows.filter_map(|route| self.row(route, now)).collect()
    }

    /// The database has these rows. What changed meanwhile stays dirty.
    pub(super) fn stored<'a>(&mut self, rows: impl IntoIterator<Item = (&'a RouteId, u64)>) {
        for (route, seq) in rows {
            if let Some(entry) = self.routes.get_mut(route).filter(|entry| entry.seq == seq) {
                entry.dirty_since = None;
                self.dirty.remove(route);
            }
        }
    }

    /// The database may have lost what it had: everything of this life is written again. Rows of an
    /// earlier life were durable, or would have been lost with it.
    pub(super) fn distrust(&mut self, now: Mono) {
        for (route, entry) in self.routes.iter_mut().filter(|(_, entry)| entry.seq > 0) {
            entry.dirty_since.get_or_insert(now);
            self.dirty.insert(route.clone());
        }
    }

    /// How many rows the database lacks, and since when the first of them.
    pub(super) fn backlog(&self, now: Mono) -> (usize, Duration) {
        let oldest = self.dirty.iter().filter_map(|route| self.routes.get(route)?.dirty_since).min();
        (self.dirty.len(), oldest.map_or(Duration::ZERO, |since| now.since(since)))
    }

    /// Rows of routes that are not quite well: a scar is left, or they are not operational.
    pub(super) fn unwell(&self, now: Mono) -> Vec<Row> {
        let mut rows: Vec<Row> = self.routes.keys().filter_map(|route| self.row(route, now)).collect();
        rows.retain(|row| {
            let scarred = row.vector.aged_scar().get() >= PhysicsVector::NEUTRAL_OHMS;
            // A route that was not touched for a day is no news, whatever its mode was.
            row.vector.age < DAY && (scarred || row.vector.mode != Mode::Operational)
        });
        rows
    }

    /// The oldest changes of modes, `most` at most, dated. They stay until they are
    /// [`written`](Self::written).
    pub(super) fn changes(&mut self, most: usize, date: impl Fn(Mono) -> i64) -> Vec<Change> {
        let oldest = self.changes.iter_mut().take(most);
        oldest
            .map(|change| {
                change.at.get_or_insert_with(|| date(change.noticed));
                change.clone()
            })
            .collect()
    }

    /// The database has the changes up to this one, or they are given up.
    pub(super) fn written(&mut self, last: &Change) {
        // The ring may have lost some of them meanwhile: numbers say which are left.
        while self.changes.front().is_some_and(|change| change.seq <= last.seq) {
            self.changes.pop_front();
        }
    }

    fn changed(&mut self, change: Change) {
        if self.changes.len() >= RING {
            self.changes.pop_front();
            self.counts.overrun += 1;
        }
        self.changes.push_back(change);
    }

    fn row(&self, route: &RouteId, now: Mono) -> Option<Row> {
        let entry = self.routes.get(route)?;
        Some(Row { route: route.clone(), seq: entry.seq, vector: entry.at(now) })
    }

    /// Full, it forgets a sixteenth at once, so that many new names cost little each: first what
    /// says nothing, then what was put longest ago.
    fn make_room(&mut self) {
        if self.routes.len() < self.limit {
            return;
        }
        let mut all: Vec<(bool, Mono, RouteId)> = self
            .routes
            .iter()
            .map(|(route, entry)| (!entry.vector.is_neutral(), entry.put, route.clone()))
            .collect();
        let goes = (self.limit / 16).clamp(1, all.len());
        all.select_nth_unstable(goes - 1);
        for (_, _, route) in all.into_iter().take(goes) {
            self.routes.remove(&route);
            self.dirty.remove(&route);
            self.counts.evicted += 1;
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Entry {
    fn at(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.put))
    }
}

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
    fn a_row_is_read_when_written_and_stays_dirty_if_it_changed_meanwhile() {
        let mut own = Own::new(10);
        own.put(name("a"), vector(Mode::Operational, 1.0), None, second(0));
        own.put(name("a"), vector(Mode::Operational, 2.0), None, second(1));
        let rows = own.dirty(None, 10, second(3));
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].seq, rows[0].vector.age), (2, Duration::from_secs(2)));
        own.put(name("a"), vector(Mode::Operational, 3.0), None, second(4));
        own.stored(rows.iter().map(|row| (&row.route, row.seq)));
        assert_eq!(own.backlog(second(5)), (1, Duration::from_secs(5)));
        let rows = own.dirty(None, 10, second(5));
        own.stored(rows.iter().map(|row| (&row.route, row.seq)));
        assert_eq!(own.backlog(second(6)), (0, Duration::ZERO));
        own.distrust(second(7));
        assert_eq!(own.backlog(second(8)), (1, Duration::from_secs(1)));
    }

    #[test]
    fn batches_come_in_the_order_of_names_and_cover_all() {
        let mut own = Own::new(100);
        for nth in [3, 1, 2, 5, 4] {
            own.put(name(&format!("r{nth}")), vector(Mode::Operational, 1.0), None, second(0));
        }
        let first = own.dirty(None, 2, second(1));
        let rest = own.dirty(Some(&first[1].route), 10, second(1));
        let names: Vec<_> = first.iter().chain(&rest).map(|row| row.route.as_str().to_owned()).collect();
        assert_eq!(names, ["r1", "r2", "r3", "r4", "r5"]);
    }

    #[test]
    fn an_earlier_life_is_remembered_and_does_not_overwrite_this_one() {
        let mut own = Own::new(10);
        own.put(name("a"), vector(Mode::Operational, 1.0), None, second(0));
        own.remember(name("a"), vector(Mode::CircuitBreaker, 9.0), second(1));
        own.remember(name("b"), vector(Mode::CircuitBreaker, 9.0), second(1));
        assert_eq!(own.get(&name("a"), second(1)).unwrap().mode, Mode::Operational);
        assert_eq!(own.backlog(second(1)).0, 1, "what the database has is clean");
        own.distrust(second(2));
        assert_eq!(own.backlog(second(2)).0, 1, "an earlier life's rows are not this one's to write");
        // It goes on where the earlier life was: that is no change.
        let before = own.changes.len();
        own.put(name("b"), vector(Mode::CircuitBreaker, 9.0), None, second(3));
        assert_eq!(own.changes.len(), before);
    }

    #[test]
    fn changes_of_modes_do_not_coalesce_and_the_oldest_are_lost_first() {
        let mut own = Own::new(10);
        for nth in 0..(RING as u64 + 10) {
            let mode = if nth % 2 == 0 { Mode::CircuitBreaker } else { Mode::Operational };
            own.put(name("a"), vector(mode, 1.0), None, second(nth));
        }
        assert_eq!((own.changes.len(), own.counts.overrun), (RING, 10));
        let micros = |at: Mono| (at.as_nanos() / 1_000) as i64;
        let first = own.changes(100, micros);
        assert_eq!(first[0].at, Some(10_000_000));
        assert_eq!(own.changes(100, |_| 7), first, "a date is given once");
        own.written(&first[99]);
        assert_eq!(own.changes(1, micros)[0].noticed, second(110));
    }

    #[test]
    fn full_it_forgets_what_says_nothing_first() {
        let mut own = Own::new(32);
        for nth in 0..32u64 {
            let scar = if nth == 7 || nth == 9 { 0.0 } else { 5.0 };
            own.put(name(&format!("r{nth}")), vector(Mode::Operational, scar), None, second(nth));
        }
        own.put(name("new"), vector(Mode::Operational, 1.0), None, second(40));
        assert_eq!(own.counts.evicted, 2);
        assert!(own.get(&name("r7"), second(41)).is_none() && own.get(&name("r9"), second(41)).is_none());
        assert!(own.routes.len() <= 32 && own.dirty.len() == own.routes.len());
    }

    #[test]
    fn samples_are_of_what_is_not_well() {
        let mut own = Own::new(10);
        own.put(name("well"), vector(Mode::Operational, 0.0), None, second(0));
        own.put(name("scarred"), vector(Mode::Operational, 5.0), None, second(0));
        own.put(name("open"), vector(Mode::CircuitBreaker, 0.0), None, second(0));
        own.put(name("learning"), vector(Mode::Bootstrap, 0.0), None, second(0));
        let mut names: Vec<_> = own.unwell(second(1)).iter().map(|row| row.route.to_string()).collect();
        names.sort();
        assert_eq!(names, ["learning", "open", "scarred"]);
        assert!(own.unwell(second(100_000)).is_empty());
    }
}
