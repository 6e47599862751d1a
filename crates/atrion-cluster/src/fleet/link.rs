// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The life of a connection, without the connection.
//!
//! ```text
//! DOWN ─► CONNECT ─► SUBSCRIBE ─► PULL ─► PUSH ─► LIVE
//!   ▲         │           │         │       │       │
//!   └─────────┴───────────┴─────────┴───────┴───────┘  any error, any answer that does not come, silence
//! ```
//!
//! The subscription comes before the pull: what is said meanwhile arrives twice instead of never.
//! The way back to CONNECT is waited for at random, longer after each failure, so that a fleet does
//! not come back as one.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64};
use atrion_state::{Backoff, Outage, Turn};

/// The spans of a [`Link`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data of the caller
pub struct LinkConfig {
    /// The first wait is at most this long: 100 ms. It doubles with each failure in a row.
    pub backoff: Duration,
    /// No wait is longer: 10 s.
    pub longest_backoff: Duration,
    /// A connection that lived this long was a good one, and the next wait is a first one again: 30
    /// s.
    pub settled: Duration,
    /// This many heartbeats without a byte from the subscription mean a broken one: 3. A node's own
    /// heartbeats come back.
    pub silent_beats: u32,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            backoff: Duration::from_millis(100),
            longest_backoff: Duration::from_secs(10),
            settled: Duration::from_secs(30),
            silent_beats: 3,
        }
    }
}

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // another phase would be another protocol
pub enum Phase {
    /// There is none.
    Down,
    /// It is being opened.
    Connect,
    /// The channel is being subscribed to.
    Subscribe,
    /// Everything stored is being read.
    Pull,
    /// The own record is being written.
    Push,
    /// It works.
    Live,
}

/// What is to be done for a [`Link`] now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // follows the phases
pub enum Step {
    /// Open both connections.
    Connect,
    /// Subscribe, and wait for the answer.
    Subscribe,
    /// Read every member's record.
    Pull,
    /// Write the own record.
    Push,
    /// Run the lanes; look again at this time.
    Run {
        /// When silence would be noticed.
        until: Mono,
    },
    /// Nothing before this time.
    Wait {
        /// When to connect again.
        until: Mono,
    },
}

/// The life of a connection.
#[derive(Debug, Clone)]
pub struct Link {
    config: LinkConfig,
    phase: Phase,
    /// When the phase began.
    since: Mono,
    /// When to connect again.
    retry: Mono,
    failures: u32,
    /// When the subscription was last heard.
    heard: Mono,
    outage: Outage,
    jitter: SplitMix64,
}

impl Link {
    /// A connection that is to be opened at once.
    #[must_use]
    pub fn new(config: LinkConfig, now: Mono, seed: u64) -> Self {
        Self {
            config,
            phase: Phase::Down,
            since: now,
            retry: now,
            failures: 0,
            heard: now,
            outage: Outage::default(),
            jitter: SplitMix64::new(seed),
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What is to be done now, at this length of a heartbeat. Whether a link that runs has been
    /// silent for too long, [`is_silent`](Self::is_silent) tells.
    pub fn next(&mut self, heartbeat: Duration, now: Mono) -> Step {
        match self.phase {
            Phase::Down if now < self.retry => Step::Wait { until: self.retry },
            Phase::Down => {
                self.enter(Phase::Connect, now);
                Step::Connect
            }
            Phase::Connect => Step::Connect,
            Phase::Subscribe => Step::Subscribe,
            Phase::Pull => Step::Pull,
            Phase::Push => Step::Push,
            Phase::Live => Step::Run { until: self.heard.after(heartbeat * self.config.silent_beats) },
        }
    }

    /// Whether the subscription has been silent for too long.
    #[must_use]
    pub fn is_silent(&self, heartbeat: Duration, now: Mono) -> bool {
        self.phase == Phase::Live && now.since(self.heard) >= heartbeat * self.config.silent_beats
    }

    /// The subscription was heard.
    pub fn heard(&mut self, now: Mono) {
        self.heard = self.heard.max(now);
    }

    /// The step that was asked for is done.
    pub fn done(&mut self, now: Mono) -> Option<Turn> {
        let next = match self.phase {
            Phase::Down => Phase::Down,
            Phase::Connect => Phase::Subscribe,
            Phase::Subscribe => Phase::Pull,
            Phase::Pull => Phase::Push,
            Phase::Push | Phase::Live => Phase::Live,
        };
        if next == self.phase {
            return None;
        }
        self.enter(next, now);
        if next != Phase::Live {
            return None;
        }
        self.heard = now;
        self.outage.note(false, now)
    }

    /// The step that was asked for failed, or the connection broke.
    pub fn failed(&mut self, now: Mono) -> Option<Turn> {
        if self.phase == Phase::Live && now.since(self.since) >= self.config.settled {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let backoff = Backoff::new(self.config.backoff, self.config.longest_backoff);
        self.retry = now.after(backoff.wait(self.failures, &mut self.jitter));
        self.enter(Phase::Down, now);
        self.outage.note(true, now)
    }

    fn enter(&mut self, phase: Phase, now: Mono) {
        (self.phase, self.since) = (phase, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    fn up(link: &mut Link, now: Mono) -> Option<Turn> {
        for step in [Step::Connect, Step::Subscribe, Step::Pull] {
            assert_eq!(link.next(BEAT, now), step);
            assert_eq!(link.done(now), None);
        }
        assert_eq!(link.next(BEAT, now), Step::Push);
        link.done(now)
    }

    #[test]
    fn it_subscribes_before_it_pulls_and_pushes_before_it_lives() {
        let mut link = Link::new(LinkConfig::default(), at(0), 1);
        assert_eq!(up(&mut link, at(0)), None, "no outage was told");
        assert_eq!(link.phase(), Phase::Live);
        assert_eq!(link.next(BEAT, at(0)), Step::Run { until: at(3_000) });
    }

    #[test]
    fn a_failure_in_any_phase_leads_down_and_one_outage_is_told_once() {
        for phases in 0..5 {
            let mut link = Link::new(LinkConfig::default(), at(0), phases);
            link.next(BEAT, at(0));
            (0..phases).for_each(|_| _ = link.done(at(0)));
            assert_eq!(link.failed(at(10)), Some(Turn::Began));
            assert_eq!(link.phase(), Phase::Down);
            for nth in 0..20u64 {
                let now = at(1_000 + 20_000 * nth);
                assert_eq!(link.next(BEAT, now), Step::Connect, "no wait is longer than ten seconds");
                assert_eq!(link.failed(now), None);
            }
            let now = at(600_000);
            let outage = Duration::from_millis(600_000 - 10);
            assert_eq!(up(&mut link, now), Some(Turn::Ended(outage)));
        }
    }

    #[test]
    fn waits_are_random_grow_to_a_bound_and_begin_anew_when_it_was_good() {
        let config = LinkConfig::default();
        let mut longest = [Duration::ZERO; 10];
        for seed in 0..300 {
            let mut link = Link::new(config, at(0), seed);
            let mut now = at(0);
            for slot in &mut longest {
                link.next(BEAT, now);
                link.failed(now);
                let Step::Wait { until } = link.next(BEAT, now) else { continue };
                *slot = (*slot).max(until.since(now));
                now = until;
            }
            // One that lived for half a minute: the next wait is a first one.
            up(&mut link, now);
            let later = now.after(config.settled);
            link.failed(later);
            if let Step::Wait { until } = link.next(BEAT, later) {
                assert!(until.since(later) <= config.backoff);
            }
        }
        for (failures, longest) in longest.into_iter().enumerate() {
            let bound = (config.backoff * (1 << failures)).min(config.longest_backoff);
            assert!(longest <= bound && longest > bound.mul_f64(0.9), "{failures}: {longest:?} of {bound:?}");
        }
    }

    #[test]
    fn silence_is_noticed_after_three_beats_and_an_echo_ends_it() {
        let mut link = Link::new(LinkConfig::default(), at(0), 1);
        up(&mut link, at(0));
        assert!(!link.is_silent(BEAT, at(2_999)));
        assert!(link.is_silent(BEAT, at(3_000)));
        link.heard(at(2_500));
        assert!(!link.is_silent(BEAT, at(3_000)));
        assert_eq!(link.next(BEAT, at(3_000)), Step::Run { until: at(5_500) });
        assert!(!link.is_silent(2 * BEAT, at(5_500)), "a large fleet beats more slowly");
    }
}
