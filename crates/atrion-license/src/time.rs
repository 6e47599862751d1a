// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Seconds since 1970, and how they are written.
//!
//! Nothing in this crate reads a clock: `now` is an argument everywhere.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

impl UnixTime {
    /// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799);

    /// Seconds since 1970; negative is before.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970; negative is before.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This moment, `seconds` later (or earlier, if negative); saturates.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to here; negative if `earlier` is later; saturates.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day alone, `2027-03-01`.
    pub fn date(self) -> impl fmt::Display {
        self.civil().date()
    }

    /// In UTC; a moment that the calendar does not have is its first or last second.
    fn civil(self) -> DateTime {
        let seconds = self.0.clamp(FIRST, Self::MAX.0);
        date(1970, 1, 1).at(0, 0, 0, 0).saturating_add(SignedDuration::from_secs(seconds))
    }
}

/// -9999-01-01T00:00:00Z.
const FIRST: i64 = -377_705_116_800;

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(seconds(after)),
            Err(before) => Self(-seconds(before.duration())),
        }
    }
}

/// RFC 3339 in UTC: `2027-03-01T00:00:00Z`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.civil())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_is_written_as_a_timestamp_is(seconds in -62_135_596_800..=UnixTime::MAX.0) {
            let theirs = jiff::Timestamp::from_second(seconds.min(253_402_207_200)).unwrap();
            let ours = UnixTime(theirs.as_second());
            prop_assert_eq!(ours.to_string(), theirs.to_string());
            prop_assert_eq!(ours.date().to_string(), &theirs.to_string()[..10]);
        }

        #[test]
        fn no_number_of_seconds_makes_writing_fail(seconds: i64) {
            prop_assert!(UnixTime(seconds).to_string().ends_with('Z'));
        }
    }

    #[test]
    fn the_ends_of_the_calendar_are_written_without_a_fraction() {
        assert_eq!(UnixTime::MAX.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(UnixTime(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(UnixTime(i64::MIN).to_string(), "-009999-01-01T00:00:00Z");
    }

    #[test]
    fn a_system_clock_before_1970_is_negative() {
        assert_eq!(UnixTime::from(UNIX_EPOCH - Duration::from_secs(5)), UnixTime(-5));
        assert_eq!(UnixTime::from(UNIX_EPOCH + Duration::from_secs(5)), UnixTime(5));
    }
}
