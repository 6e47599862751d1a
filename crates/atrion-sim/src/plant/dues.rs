// SPDX-License-Identifier: Apache-2.0
//! Two accounts of a plant that time fills or empties: the tokens of a throttled dependency, and
//! the work that refusals have cost.

/// Tokens of a throttled dependency.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    tokens: f64,
    at: u64,
}

impl Allowance {
    /// Takes a token, if there is one; `rate` tokens come per second.
    pub(super) fn take(&mut self, rate: f64, now: u64) -> bool {
        let span = (now - self.at) as f64 * 1e-9;
        // A tenth of a second's worth may be saved up, and always one.
        self.tokens = (self.tokens + span * rate).min((rate * 0.1).max(1.0));
        self.at = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

/// Work that refusals have cost and that is not done yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    seconds: f64,
    at: u64,
}

impl Backlog {
    pub(super) fn add(&mut self, seconds: f64) {
        self.seconds += seconds;
    }

    /// Idle workers have worked on it since the last time, at this speed.
    pub(super) fn work_off(&mut self, idle: usize, speed: f64, now: u64) {
        if self.seconds > 0.0 {
            let span = (now - self.at) as f64 * 1e-9;
            self.seconds = (self.seconds - idle as f64 * span * speed).max(0.0);
        }
        self.at = now;
    }

    /// What is left: the next call has to wait for it.
    pub(super) fn take(&mut self) -> f64 {
        core::mem::take(&mut self.seconds)
    }
}
