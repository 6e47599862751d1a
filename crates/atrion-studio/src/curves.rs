// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The curves: the latest rows of every route that has moved, within a fixed amount of memory.

use std::collections::{HashMap, VecDeque};

use crate::frame::Row;

/// Rows by route, oldest first.
#[derive(Debug)]
pub(crate) struct Curves {
    rows: HashMap<u32, VecDeque<Sample>>,
    /// Samples that fit into the budget, of all routes together.
    budget: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    pub(crate) row: Row,
}

/// The most of one route: a quarter of an hour at one look a second.
const LONGEST: usize = 900;
/// Less than this is no curve: once the budget is shared by this measure, further routes have none.
const SHORTEST: usize = 60;

impl Curves {
    pub(crate) fn new(mib: usize) -> Self {
        Self { rows: HashMap::new(), budget: mib * 1024 * 1024 / size_of::<Sample>() }
    }

    /// Adds a row. A route that has only been idle takes no place.
    pub(crate) fn push(&mut self, route: u32, sample: Sample) {
        let taken = self.rows.len();
        let rows = match self.rows.get_mut(&route) {
            Some(rows) => rows,
            None if sample.row.is_idle() || (taken + 1) * SHORTEST > self.budget => return,
            None => self.rows.entry(route).or_default(),
        };
        rows.push_back(sample);
        let share = (self.budget / taken.max(1)).clamp(SHORTEST, LONGEST);
        while rows.len() > share {
            rows.pop_front();
        }
        if rows.capacity() > 2 * share {
            rows.shrink_to(share);
        }
    }

    pub(crate) fn forget(&mut self, route: u32) {
        self.rows.remove(&route);
    }

    pub(crate) fn of(&self, route: u32) -> impl DoubleEndedIterator<Item = &Sample> {
        self.rows.get(&route).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use atrion_state::RouteId;

    use super::*;
    use crate::source::Sighting;

    fn row(scar: f64) -> Row {
        let calm = Sighting::calm(RouteId::new("r").unwrap());
        let sighting = Sighting { terms: [10.0, 0.0, 0.0, scar, 0.0, 0.0, 0.0], ..calm };
        Row::of(&sighting, None, 1.0)
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_routes() {
        for routes in [1, 200, 2_000] {
            let mut curves = Curves::new(1);
            for at_ms in 0..1_000 {
                for route in 0..routes.min(if at_ms < 70 { routes } else { 200 }) {
                    curves.push(route, Sample { at_ms, row: row(5.0) });
                }
            }
            let kept: usize = curves.rows.values().map(VecDeque::len).sum();
            assert!(
                kept <= curves.budget + routes.min(200) as usize,
                "{routes}: {kept} of {}",
                curves.budget
            );
            assert!(curves.of(0).count() >= SHORTEST);
            assert_eq!(curves.of(0).last().unwrap().at_ms, 999);
        }
    }

    #[test]
    fn an_idle_route_takes_no_place_until_something_happens() {
        let mut curves = Curves::new(1);
        curves.push(7, Sample { at_ms: 1, row: row(0.0) });
        assert_eq!(curves.of(7).count(), 0);
        curves.push(7, Sample { at_ms: 2, row: row(1.0) });
        curves.push(7, Sample { at_ms: 3, row: row(0.0) });
        assert_eq!(curves.of(7).count(), 2);
        curves.forget(7);
        assert_eq!(curves.of(7).count(), 0);
    }
}
