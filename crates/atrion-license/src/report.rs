// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The standing of a license for `status()` pages and gauges.

use std::fmt;

use crate::{License, LicenseError, LicenseFault, Status, UnixTime};

/// How a process stands with its license at a moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The standing in one word.
    pub state: State,
    /// The license in use, if there is one.
    pub license: Option<License>,
    /// Seconds until it expires, negative after; `None` without one, or without an end.
    pub seconds_left: Option<i64>,
    /// What is wrong with the last key that was read, if something is. A license in use stays in
    /// use.
    pub fault: Option<LicenseFault>,
    /// How many clusters were seen to use it within a day.
    pub clusters: usize,
    /// By how many these are more than it allows.
    pub clusters_above_limit: usize,
}

/// The standing in one word. The numbers are for gauges, and stay the same over releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Valid for more than 30 days, or the clock contradicts it: everything is on.
    Active = 0,
    /// Valid for 30 days at most: everything is on.
    Expiring = 1,
    /// Expired, in its days of grace: everything is on.
    Grace = 2,
    /// The days of grace are over.
    Expired = 3,
    /// No license at all.
    Unlicensed = 4,
}

impl State {
    pub(crate) fn of(license: Option<&License>, now: UnixTime) -> Self {
        match license.map(|license| license.status(now)) {
            None => Self::Unlicensed,
            Some(Status::Active { .. } | Status::NotYetValid { .. } | Status::ClockSuspect { .. }) => {
                Self::Active
            }
            Some(Status::Expiring { .. }) => Self::Expiring,
            Some(Status::Grace { .. }) => Self::Grace,
            Some(Status::Expired { .. }) => Self::Expired,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.license {
            None => f.write_str("no license")?,
            Some(license) => {
                let terms = license.terms();
                write!(f, "license {} of {} ({})", terms.id, terms.licensee, terms.tier)?;
                if let Some(expires) = terms.expires {
                    let verb =
                        if self.seconds_left.is_some_and(|left| left > 0) { "expires" } else { "expired" };
                    write!(f, ", {verb} {}", expires.date())?;
                }
            }
        }
        match &self.fault {
            // A build that never had a license shows its state without an error.
            Some(LicenseFault { error: LicenseError::NotFound, .. }) | None => Ok(()),
            Some(fault) => write!(f, "; {fault}"),
        }
    }
}
