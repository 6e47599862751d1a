// SPDX-License-Identifier: Apache-2.0

use crate::live::{REASONS, Reading, TIERS};

/// Everything a route has counted since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Totals {
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::by_tier"))]
    pub(crate) admitted: [u64; TIERS],
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::by_reason"))]
    pub(crate) shed: [[u64; TIERS]; REASONS],
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::by_tier"))]
    pub(crate) turned_away: [u64; TIERS],
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) late: u64,
    pub(crate) ignored: u64,
    pub(crate) cancelled: u64,
    pub(crate) outdated: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, counted: &Reading) {
        for (total, new) in self.admitted.iter_mut().zip(&counted.admitted) {
            *total += u64::from(*new);
        }
        for (total, new) in self.shed.iter_mut().flatten().zip(counted.shed.iter().flatten()) {
            *total += u64::from(*new);
        }
        for (total, new) in self.turned_away.iter_mut().zip(&counted.turned_away) {
            *total += u64::from(*new);
        }
        self.succeeded += u64::from(counted.succeeded);
        self.failed += u64::from(counted.failed);
        self.late += u64::from(counted.late);
        self.ignored += u64::from(counted.ignored);
        self.cancelled += u64::from(counted.cancelled);
        self.outdated += u64::from(counted.outdated);
    }

    /// Streams that have failed after their first byte.
    pub(crate) fn broken(&mut self, streams: u64) {
        self.failed += streams;
    }

    /// Answers, of those added as ignored, that came past their deadline.
    pub(crate) fn late_by_deadline(&mut self, answers: u32) {
        let answers = u64::from(answers).min(self.ignored);
        self.ignored -= answers;
        self.late += answers;
    }
}

/// Counts under the names of what they count.
#[cfg(feature = "serde")]
mod written {
    use std::collections::BTreeMap;

    use atrion_core::{Reason, Tier};
    use serde::{Serialize as _, Serializer};

    use super::{REASONS, TIERS};
    use crate::live::{reason_index, tier_index};

    type ByTier = BTreeMap<&'static str, u64>;

    fn tiers(counts: &[u64; TIERS]) -> ByTier {
        Tier::ALL.into_iter().map(|tier| (tier.as_str(), counts[tier_index(tier)])).collect()
    }

    pub(super) fn by_tier<S: Serializer>(counts: &[u64; TIERS], to: S) -> Result<S::Ok, S::Error> {
        tiers(counts).serialize(to)
    }

    pub(super) fn by_reason<S: Serializer>(
        counts: &[[u64; TIERS]; REASONS],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let named = |reason: Reason| (reason.as_str(), tiers(&counts[reason_index(reason)]));
        Reason::ALL.into_iter().map(named).collect::<BTreeMap<_, ByTier>>().serialize(to)
    }
}
