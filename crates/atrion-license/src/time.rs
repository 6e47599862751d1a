// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Seconds since 1970, and how they are written.
//!
//! Nothing in this crate reads a clock: `now` is an argument everywhere. Dates in messages are
//! written here by hand, so that a service gets no calendar library for the sake of one log line.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

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
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        Written(format!("{year:04}-{month:02}-{day:02}"))
    }
}

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
        let second = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (second / HOUR, second / 60 % 60, second % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}Z", self.date())
    }
}

struct Written(String);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Year, month and day of a day number, 0 being 1970-01-01.
///
/// Counts in years that begin with March, so that the leap day is the last day of a year, and in
/// eras of 400 years, which all have 146,097 days.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468; // from 0000-03-01
    let era = day.div_euclid(146_097);
    let day = day.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_is_written_as_a_calendar_library_writes_it(seconds in -62_135_596_800..=UnixTime::MAX.0) {
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
    fn a_system_clock_before_1970_is_negative() {
        assert_eq!(UnixTime::from(UNIX_EPOCH - Duration::from_secs(5)), UnixTime(-5));
        assert_eq!(UnixTime::from(UNIX_EPOCH + Duration::from_secs(5)), UnixTime(5));
    }
}
