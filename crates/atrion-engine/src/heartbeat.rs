// SPDX-License-Identifier: Apache-2.0
//! Whether the pulse beats. A pulse that is away measures nothing: the time of its absence is not
//! the callee's silence, and an instance without a pulse protects little.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::Mono;

/// Nothing here orders anything else, so every access is relaxed.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// The latest beat, by the instance's clock.
    at: AtomicU64,
    beats: AtomicU64,
    /// That it stands still was told.
    is_told: AtomicBool,
    interval: Duration,
}

/// A pulse that comes after more than this many intervals was away. Less is a busy machine's.
const AWAY: u32 = 4;

/// From this many intervals on without a pulse, and a second at least, it stands still.
const STALLED: u32 = 10;
const STALLED_AT_LEAST: Duration = Duration::from_secs(1);

impl Heartbeat {
    pub(crate) fn new(interval: Duration, now: Mono) -> Self {
        let at = AtomicU64::new(now.as_nanos());
        Self { at, beats: AtomicU64::new(0), is_told: AtomicBool::new(false), interval }
    }

    /// It beats at `now`; returns how long it was away, if it was: the time beyond an interval.
    pub(crate) fn beat(&self, now: Mono) -> Duration {
        let since = self.age(now);
        self.at.store(now.as_nanos(), Relaxed);
        self.beats.fetch_add(1, Relaxed);
        self.is_told.store(false, Relaxed);
        if since > self.interval * AWAY { since - self.interval } else { Duration::ZERO }
    }

    /// The latest beat, if it was so long ago that the next one will find that the pulse was away.
    pub(crate) fn missed_since(&self, now: Mono) -> Option<Mono> {
        (self.age(now) > self.interval * AWAY).then(|| Mono::from_nanos(self.at.load(Relaxed)))
    }

    /// It beats no more, and is not meant to: there is nothing to tell.
    pub(crate) fn rest(&self) {
        self.at.store(u64::MAX, Relaxed);
        self.is_told.store(true, Relaxed);
    }

    /// Beats that have been counted so far.
    pub(crate) fn beats(&self) -> u64 {
        self.beats.load(Relaxed)
    }

    /// How long ago the latest beat was.
    pub(crate) fn age(&self, now: Mono) -> Duration {
        now.since(Mono::from_nanos(self.at.load(Relaxed)))
    }

    /// So long without a beat is a state that people have to know of.
    pub(crate) fn tolerance(&self) -> Duration {
        (self.interval * STALLED).max(STALLED_AT_LEAST)
    }

    pub(crate) fn is_stalled(&self, now: Mono) -> bool {
        self.age(now) > self.tolerance()
    }

    /// True for the first that asks since the latest beat.
    pub(crate) fn may_tell(&self) -> bool {
        !self.is_told.swap(true, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_beat_is_no_absence_and_a_missed_one_is_but_for_its_own_interval() {
        let tick = Duration::from_millis(100);
        let mut now = Mono::from_nanos(1);
        let heartbeat = Heartbeat::new(tick, now);
        for (after, away, stalled) in
            [(100, 0, false), (400, 0, false), (401, 301, false), (1_001, 901, true)]
        {
            now = now.after(Duration::from_millis(after));
            assert_eq!(heartbeat.is_stalled(now), stalled, "{after}");
            assert_eq!(heartbeat.beat(now), Duration::from_millis(away), "{after}");
        }
        assert_eq!(heartbeat.beat(Mono::ZERO), Duration::ZERO, "a clock that goes back");
    }
}
