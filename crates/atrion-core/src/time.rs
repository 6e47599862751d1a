// SPDX-License-Identifier: Apache-2.0
//! Two kinds of time that do not mix: monotonic nanoseconds for every decision, wall milliseconds
//! for display (`docs/adr/0003-libm-and-integer-time.md`).

use core::time::Duration;

/// A reading of a monotonic clock: nanoseconds since an origin that only the clock knows.
/// Arithmetic saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Mono(u64);

impl Mono {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);

    /// A reading of `nanos` nanoseconds since the clock's origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies in the future, so time never goes backwards
    /// inside.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The same as [`since`](Self::since), in nanoseconds, for hot paths.
    #[must_use]
    #[inline]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same as [`since`](Self::since), in seconds.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 * 1e-9
    }

    /// This reading, `span` later.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        let nanos = span.as_nanos();
        Self(self.0.saturating_add(if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }))
    }
}

/// Wall-clock time in milliseconds since the Unix epoch. It is shown to people and never enters a
/// decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Wall(u64);

impl Wall {
    /// `millis` milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_counts_as_no_time() {
        let (early, late) = (Mono::from_nanos(5), Mono::from_nanos(9));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.seconds_since(late), 0.0);
        assert_eq!(late.since(early), Duration::from_nanos(4));
    }

    #[test]
    fn the_far_future_saturates() {
        assert_eq!(Mono::from_nanos(1).after(Duration::MAX), Mono::from_nanos(u64::MAX));
    }
}
