// SPDX-License-Identifier: Apache-2.0

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::shed::Shed;

/// How a lease is kept alive, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data: made from a preset, with `..`
pub struct LeaseOptions {
    /// Who works under it, for people: a job's number, a worker's name. The first 100 characters are
    /// kept. Empty by default.
    pub owner: String,
    /// Once in this time the holder beats: 10 ms to a day.
    pub heartbeat: Duration,
    /// For so long after a missed beat the lease is still held: none to a day.
    pub grace: Duration,
}

/// Why there is no lease.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// The gate has refused the job.
    #[error(transparent)]
    Refused(#[from] Shed),
    /// The heartbeat is out of range.
    #[error("a lease's heartbeat is 10ms..=1d, got {given:?}: say how often its holder can beat")]
    Heartbeat {
        /// What was given.
        given: Duration,
    },
    /// The grace is out of range.
    #[error("a lease's grace is 0s..=1d, got {given:?}: say how long a missed beat is forgiven")]
    Grace {
        /// What was given.
        given: Duration,
    },
}

impl LeaseOptions {
    /// For work of a moment: a beat each second, two seconds of grace.
    #[must_use]
    pub const fn light() -> Self {
        Self::custom(Duration::from_secs(1), Duration::from_secs(2))
    }

    /// For work of seconds: a beat in five seconds, ten of grace.
    #[must_use]
    pub const fn standard() -> Self {
        Self::custom(Duration::from_secs(5), Duration::from_secs(10))
    }

    /// For work of minutes: a beat in 15 seconds, 45 of grace.
    #[must_use]
    pub const fn heavy() -> Self {
        Self::custom(Duration::from_secs(15), Duration::from_secs(45))
    }

    /// For work of hours: a beat each minute, four minutes of grace.
    #[must_use]
    pub const fn extreme() -> Self {
        Self::custom(Duration::from_secs(60), Duration::from_secs(240))
    }

    /// Times of your own.
    #[must_use]
    pub const fn custom(heartbeat: Duration, grace: Duration) -> Self {
        Self { owner: String::new(), heartbeat, grace }
    }

    /// Says who works under it.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    pub(super) fn check(&self) -> Result<(), LeaseError> {
        if !HEARTBEAT.contains(&self.heartbeat) {
            return Err(LeaseError::Heartbeat { given: self.heartbeat });
        }
        if !GRACE.contains(&self.grace) {
            return Err(LeaseError::Grace { given: self.grace });
        }
        Ok(())
    }
}

impl Default for LeaseOptions {
    fn default() -> Self {
        Self::standard()
    }
}

/// Leases are looked at by the pulse, so a shorter heartbeat is missed by chance.
pub(crate) const HEARTBEAT: RangeInclusive<Duration> = Duration::from_millis(10)..=DAY;

pub(crate) const GRACE: RangeInclusive<Duration> = Duration::ZERO..=DAY;

/// The longest that a holder may be silent, by heartbeat, grace or extension.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3_600);
