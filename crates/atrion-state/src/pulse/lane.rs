// SPDX-License-Identifier: Apache-2.0
//! One asynchronous direction of the pulse: at most one flight, a budget, a back-off.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64};

use super::{PulseConfig, before};

#[derive(Debug, Clone)]
pub(super) struct Lane {
    state: State,
    /// Failures in a row.
    failures: u32,
    /// No flight starts before this, whatever else holds.
    earliest: Mono,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    Flying { since: Mono, deadline: Mono },
}

impl Lane {
    pub(super) const fn ready(now: Mono) -> Self {
        Self { state: State::Idle, failures: 0, earliest: now }
    }

    pub(super) const fn in_flight(&self) -> bool {
        matches!(self.state, State::Flying { .. })
    }

    pub(super) const fn failing(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn may_start(&self, now: Mono) -> bool {
        !self.in_flight() && now >= self.earliest
    }

    pub(super) fn is_over(&self, now: Mono) -> bool {
        matches!(self.state, State::Flying { deadline, .. } if now >= deadline)
    }

    pub(super) fn start(&mut self, now: Mono, budget: Duration, pace: Duration) {
        self.state = State::Flying { since: now, deadline: now.after(budget) };
        self.earliest = now.after(pace);
    }

    /// A flight ended; false if there was none. After a failure the next one starts no sooner than
    /// an interval after this one did, however short the drawn wait: a store that refuses at once
    /// is not asked in a loop.
    pub(super) fn land(
        &mut self,
        now: Mono,
        ok: bool,
        config: &PulseConfig,
        jitter: &mut SplitMix64,
    ) -> bool {
        let State::Flying { since, .. } = self.state else { return false };
        self.state = State::Idle;
        if ok {
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
            let wait = now.after(config.backoff().wait(self.failures, jitter));
            self.earliest = self.earliest.max(since.after(config.interval())).max(wait);
        }
        true
    }

    /// A flight ended well, and the lane goes on failing.
    pub(super) fn land_in_part(&mut self, now: Mono) {
        if self.in_flight() {
            (self.state, self.earliest) = (State::Idle, now);
        }
    }

    pub(super) fn wait_until(&mut self, at: Mono) {
        self.earliest = self.earliest.max(at);
    }

    /// When something about this lane changes by itself.
    pub(super) fn wakes_at(&self) -> Mono {
        match self.state {
            State::Idle => self.earliest,
            State::Flying { deadline, .. } => deadline,
        }
    }

    pub(super) fn shift_back(&mut self, span: Duration) {
        self.earliest = before(self.earliest, span);
        if let State::Flying { since, deadline } = &mut self.state {
            *since = before(*since, span);
            *deadline = before(*deadline, span);
        }
    }
}
