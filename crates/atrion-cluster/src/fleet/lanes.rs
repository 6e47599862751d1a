// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! When a node speaks and asks, and what of it is under way.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64};

#[derive(Debug, Clone)]
pub(super) struct Lanes {
    pulse: Duration,
    heartbeat: Duration,
    /// The connection is complete; before, nothing is said.
    pub(super) live: bool,
    /// The urgent lane may speak again.
    pub(super) pulse_due: Mono,
    /// The lazy lane has to speak.
    pub(super) beat_due: Mono,
    /// The store's headers are to be compared.
    pub(super) compare_due: Mono,
    /// Since when each is under way.
    pub(super) publishing: Option<Mono>,
    pub(super) committing: Option<Mono>,
    pub(super) comparing: bool,
    pub(super) pulling: bool,
    /// The own record has to be written whole, at once.
    pub(super) renew: bool,
    /// The store has this node's header, as far as is known.
    pub(super) stored: bool,
    /// When the last transaction began that is known to be stored; what was said since is in doubt
    /// if the link breaks.
    pub(super) sure: Mono,
    /// Smoothed time from a message to the store's answer.
    rtt: Option<Duration>,
}

/// At a round trip that is longer than this, the pulse is not stretched further.
const LONGEST_PULSE: Duration = Duration::from_secs(2);
/// Anti-entropy: every minute, half a minute more or less, so that a fleet's nodes do not ask
/// together.
const COMPARE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(90));

impl Lanes {
    pub(super) fn new(pulse: Duration, heartbeat: Duration, jitter: &mut SplitMix64, now: Mono) -> Self {
        let mut lanes = Self {
            pulse,
            heartbeat,
            live: false,
            pulse_due: now,
            beat_due: now,
            compare_due: now,
            publishing: None,
            committing: None,
            comparing: false,
            pulling: false,
            renew: false,
            stored: false,
            sure: now,
            rtt: None,
        };
        lanes.start(jitter, now);
        lanes.live = false;
        lanes
    }

    /// The connection is complete. The first heartbeat comes at a random phase: nodes that came
    /// back together would beat together for ever.
    pub(super) fn start(&mut self, jitter: &mut SplitMix64, now: Mono) {
        self.live = true;
        self.pulse_due = now;
        self.beat_due = now.after(jitter.between(Duration::ZERO, self.heartbeat));
        self.compare_due = now.after(jitter.between(COMPARE.0, COMPARE.1));
    }

    pub(super) fn stop(&mut self) {
        self.live = false;
        (self.publishing, self.committing) = (None, None);
        (self.comparing, self.pulling) = (false, false);
    }

    pub(super) const fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    pub(super) fn set_heartbeat(&mut self, heartbeat: Duration) {
        self.heartbeat = heartbeat;
    }

    /// A pulse that leaves the store time to answer.
    pub(super) fn effective_pulse(&self) -> Duration {
        let four = self.rtt.map_or(Duration::ZERO, |rtt| rtt.saturating_mul(4));
        four.clamp(self.pulse.min(LONGEST_PULSE), LONGEST_PULSE.max(self.pulse))
    }

    pub(super) fn answered(&mut self, began: Mono, now: Mono) {
        let rtt = now.since(began);
        // An eighth of the news, as TCP does: one slow answer is not a slow store.
        self.rtt = Some(self.rtt.map_or(rtt, |smooth| (smooth * 7 + rtt) / 8));
    }

    pub(super) fn beat(&mut self, now: Mono) {
        // Keeps its phase, unless it is late by a whole beat.
        let next = self.beat_due.after(self.heartbeat);
        self.beat_due = if next > now { next } else { now.after(self.heartbeat) };
    }

    pub(super) fn compared(&mut self, jitter: &mut SplitMix64, now: Mono) {
        self.comparing = false;
        self.compare_due = now.after(jitter.between(COMPARE.0, COMPARE.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes() -> Lanes {
        Lanes::new(Duration::from_millis(100), Duration::from_secs(1), &mut SplitMix64::new(1), Mono::ZERO)
    }

    #[test]
    fn a_slow_store_stretches_the_pulse_to_four_round_trips_and_two_seconds_at_most() {
        let mut lanes = lanes();
        let mut answer = |millis: u64| {
            for _ in 0..100 {
                lanes.answered(Mono::ZERO, Mono::from_nanos(millis * 1_000_000));
            }
            lanes.effective_pulse().as_millis()
        };
        assert_eq!(answer(1), 100);
        assert!((195..=200).contains(&answer(50)));
        assert_eq!(answer(5_000), 2_000);
    }

    #[test]
    fn the_beat_keeps_its_phase_and_does_not_catch_up() {
        let mut lanes = lanes();
        let first = lanes.beat_due;
        assert!(first < Mono::from_nanos(1_000_000_000));
        lanes.beat(first.after(Duration::from_millis(300)));
        assert_eq!(lanes.beat_due, first.after(Duration::from_secs(1)));
        let late = first.after(Duration::from_secs(60));
        lanes.beat(late);
        assert_eq!(lanes.beat_due, late.after(Duration::from_secs(1)));
    }
}
