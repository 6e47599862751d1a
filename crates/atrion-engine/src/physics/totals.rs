// SPDX-License-Identifier: Apache-2.0

use crate::live::{REASONS, Reading, TIERS};

/// Everything a route has counted since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Totals {
    pub(crate) admitted: [u64; TIERS],
    pub(crate) shed: [[u64; TIERS]; REASONS],
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
}
