// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the age of a license means: a total function of its terms and of `now`.

use std::fmt;

use crate::time::{DAY, HOUR};
use crate::{Terms, UnixTime};

/// Where a license stands at a moment. All spans are in seconds and not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Valid for more than 30 days.
    Active {
        /// Until it expires; `None` is never.
        left: Option<i64>,
    },
    /// Valid for 30 days at most.
    Expiring {
        /// Until it expires.
        left: i64,
    },
    /// Expired; nothing has changed but the log.
    Grace {
        /// Until the days of grace are over.
        left: i64,
    },
    /// Expired, and the days of grace are over.
    Expired {
        /// Since the end of the grace.
        since: i64,
    },
    /// Its validity begins within a day: a clock that is slow, or a key that is early.
    NotYetValid {
        /// Until it begins.
        until: i64,
    },
    /// It was signed more than a day after `now`: the clock is wrong, so the age says nothing.
    ClockSuspect {
        /// From `now` to the moment of signing.
        ahead: i64,
    },
}

/// Seconds by which a clock may be wrong without a word.
const SKEW: i64 = DAY;
/// Seconds before the end from which there is a warning a day.
const EXPIRING: i64 = 30 * DAY;

impl Status {
    /// Where `terms` stand at `now`. A bound belongs to what comes after it: at `expires` the
    /// license has expired.
    pub fn of(terms: &Terms, now: UnixTime) -> Self {
        let ahead = terms.issued.since(now);
        if ahead > SKEW {
            return Self::ClockSuspect { ahead };
        }
        let until = terms.not_before.since(now);
        if until > 0 {
            return Self::NotYetValid { until };
        }
        let Some(expires) = terms.expires else { return Self::Active { left: None } };
        let left = expires.since(now);
        let grace = left.saturating_add(i64::from(terms.grace_days) * DAY);
        match () {
            () if left > EXPIRING => Self::Active { left: Some(left) },
            () if left > 0 => Self::Expiring { left },
            () if grace > 0 => Self::Grace { left: grace },
            () => Self::Expired { since: grace.saturating_neg() },
        }
    }
}

/// `active, 204 days left`
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Active { left: None } => write!(f, "active, without an end"),
            Self::Active { left: Some(left) } => write!(f, "active, {} left", Span(left)),
            Self::Expiring { left } => write!(f, "expiring, {} left", Span(left)),
            Self::Grace { left } => write!(f, "expired, {} of grace left", Span(left)),
            Self::Expired { since } => write!(f, "expired, grace over for {}", Span(since)),
            Self::NotYetValid { until } => write!(f, "not valid yet, begins in {}", Span(until)),
            Self::ClockSuspect { ahead } => write!(f, "clock suspect, signed {} from now", Span(ahead)),
        }
    }
}

/// A span in its largest whole unit.
pub(crate) struct Span(pub(crate) i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            s if s >= DAY => (s / DAY, "day"),
            s if s >= HOUR => (s / HOUR, "hour"),
            s if s >= 60 => (s / 60, "minute"),
            s => (s, "second"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Kind, LicenseId, Tier};

    const ISSUED: i64 = 1_800_000_000;

    fn terms(days: i64) -> Terms {
        let at = UnixTime::from_seconds;
        let id = LicenseId::from_parts(0, [7; 10]);
        Terms::new(id, "Example", Tier::Pro, at(ISSUED), at(ISSUED + days * DAY))
    }

    fn at(day: i64, second: i64) -> Status {
        Status::of(&terms(100), UnixTime::from_seconds(ISSUED + day * DAY + second))
    }

    #[test]
    fn a_contract_of_100_days_lives_through_its_states_at_their_bounds() {
        assert_eq!(at(-1, -1), Status::ClockSuspect { ahead: DAY + 1 });
        assert_eq!(at(-1, 0), Status::NotYetValid { until: DAY });
        assert_eq!(at(0, -1), Status::NotYetValid { until: 1 });
        assert_eq!(at(0, 0), Status::Active { left: Some(100 * DAY) });
        assert_eq!(at(70, -1), Status::Active { left: Some(30 * DAY + 1) });
        assert_eq!(at(70, 0), Status::Expiring { left: 30 * DAY });
        assert_eq!(at(100, -1), Status::Expiring { left: 1 });
        assert_eq!(at(100, 0), Status::Grace { left: 30 * DAY });
        assert_eq!(at(130, -1), Status::Grace { left: 1 });
        assert_eq!(at(130, 0), Status::Expired { since: 0 });
    }

    #[test]
    fn without_grace_expiry_is_the_end() {
        let terms = Terms { grace_days: 0, ..terms(100) };
        let now = UnixTime::from_seconds(ISSUED + 100 * DAY);
        assert_eq!(Status::of(&terms, now), Status::Expired { since: 0 });
    }

    #[test]
    fn without_an_end_it_stays_active() {
        let terms = Terms { expires: None, ..terms(100).with_kind(Kind::Development) };
        assert_eq!(Status::of(&terms, UnixTime::MAX), Status::Active { left: None });
    }

    #[test]
    fn spans_read_in_their_largest_unit() {
        let texts = [DAY, 3 * DAY + 5, 2 * HOUR, 61, 1, 0].map(|s| Span(s).to_string());
        assert_eq!(texts, ["1 day", "3 days", "2 hours", "1 minute", "1 second", "0 seconds"]);
    }

    proptest! {
        /// Time moves a license forward through its states and never back, at any clock.
        #[test]
        fn no_clock_breaks_it_and_no_state_comes_back(mut seconds in prop::collection::vec(any::<i64>(), 2..20), days in 0_i64..4_000) {
            let terms = terms(days);
            seconds.extend([ISSUED, ISSUED + days * DAY]);
            seconds.sort_unstable();
            let rank = |s: &i64| match Status::of(&terms, UnixTime::from_seconds(*s)) {
                Status::ClockSuspect { .. } => 0,
                Status::NotYetValid { .. } => 1,
                Status::Active { .. } => 2,
                Status::Expiring { .. } => 3,
                Status::Grace { .. } => 4,
                Status::Expired { .. } => 5,
            };
            prop_assert!(seconds.iter().map(rank).is_sorted());
        }
    }
}
