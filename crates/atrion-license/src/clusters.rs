// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Which clusters use a license, as far as one process can know.
//!
//! The contract sets the limit. Offline it can be seen in three places: the names that one process
//! configures, the license's audience, and the names that other processes registered under the same
//! license in the same store. Above the limit there is an error in the log and a gauge; nothing is
//! ever refused for it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::UnixTime;
use crate::time::DAY;

/// The names of clusters and when each was last seen. A name that is not seen for a day is
/// forgotten: clusters are renamed and replaced.
#[derive(Clone, Debug, Default)]
pub struct ClusterLedger {
    /// Invariant: at most `CAPACITY` names of at most `NAME` characters.
    seen: BTreeMap<String, UnixTime>,
}

/// More clusters than the license has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Excess {
    /// What the license allows.
    pub limit: u32,
    /// How many were seen within a day.
    pub seen: usize,
}

/// Seconds for which a name counts after it was last seen. A store keeps its own set as long.
const LIFE: i64 = DAY;
/// The most names. A store is outside input: no number of names in it grows the ledger further.
const CAPACITY: usize = 4_096;
/// The most characters of a name.
const NAME: usize = 128;

impl ClusterLedger {
    /// For how long after it was last seen a cluster counts.
    pub const TIME_TO_LIVE: std::time::Duration = std::time::Duration::from_secs(LIFE as u64);

    /// A cluster of this name is in use at `now`.
    pub fn note(&mut self, cluster: &str, now: UnixTime) {
        if self.seen.len() >= CAPACITY {
            self.seen.retain(|_, at| now.since(*at) < LIFE);
        }
        let name: String = cluster.chars().take(NAME).collect();
        if let Some(at) = self.seen.get_mut(&name) {
            // A clock that was put back does not make a name older.
            *at = now.max(*at);
        } else if self.seen.len() < CAPACITY {
            self.seen.insert(name, now);
        }
    }

    /// Adds what another ledger saw.
    pub fn merge(&mut self, other: &Self) {
        other.seen.iter().for_each(|(name, at)| self.note(name, *at));
    }

    /// How many clusters were seen within a day.
    pub fn count(&self, now: UnixTime) -> usize {
        self.seen.values().filter(|at| now.since(**at) < LIFE).count()
    }

    /// What is above the limit, if anything is; `None` is no limit.
    pub fn excess(&self, limit: Option<NonZeroU32>, now: UnixTime) -> Option<Excess> {
        let (limit, seen) = (limit?.get(), self.count(now));
        (seen > usize::try_from(limit).unwrap_or(usize::MAX)).then_some(Excess { limit, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn ledger(names: &[&str]) -> ClusterLedger {
        let mut ledger = ClusterLedger::default();
        names.iter().for_each(|name| ledger.note(name, NOW));
        ledger
    }

    #[test]
    fn only_what_is_above_the_limit_is_an_excess() {
        let five = NonZeroU32::new(5);
        assert_eq!(ledger(&["a", "b", "c", "d", "e", "a"]).excess(five, NOW), None);
        let six = ledger(&["a", "b", "c", "d", "e", "f"]);
        assert_eq!(six.excess(five, NOW), Some(Excess { limit: 5, seen: 6 }));
        assert_eq!(six.excess(None, NOW), None);
    }

    #[test]
    fn a_cluster_that_is_gone_for_a_day_does_not_count() {
        let mut ledger = ledger(&["old", "kept"]);
        ledger.note("kept", NOW.plus(DAY / 2));
        assert_eq!(ledger.count(NOW.plus(DAY - 1)), 2);
        assert_eq!(ledger.count(NOW.plus(DAY)), 1);
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut ledger = ledger(&["a"]);
        ledger.note("a", NOW.plus(-10 * DAY));
        assert_eq!(ledger.count(NOW), 1);
        assert_eq!(ledger.count(NOW.plus(-10 * DAY)), 1);
    }

    #[test]
    fn the_ledger_is_bounded_and_old_names_make_room() {
        let mut ledger = ClusterLedger::default();
        (0..3 * CAPACITY).for_each(|n| ledger.note(&format!("{n}{}", "x".repeat(1_000)), NOW));
        assert_eq!(ledger.seen.len(), CAPACITY);
        assert!(ledger.seen.keys().all(|name| name.len() <= NAME));
        ledger.note("new", NOW.plus(DAY));
        assert_eq!(ledger.seen.len(), 1);
    }

    #[test]
    fn a_merge_adds_what_the_other_ledger_saw() {
        let mut here = ledger(&["a", "b"]);
        here.merge(&ledger(&["b", "c"]));
        assert_eq!(here.count(NOW), 3);
    }
}
