// SPDX-License-Identifier: Apache-2.0
//! How fast the pulse beats, and how patient it is.

use std::time::Duration;

use crate::Backoff;

/// Intervals and budgets of a [`Pulse`](crate::Pulse). Valid by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulseConfig {
    interval: Duration,
    push_budget: Duration,
    pull_budget: Duration,
    pull_interval: Option<Duration>,
    backoff: Backoff,
    jitter_seed: u64,
}

/// A span that a pulse cannot work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("pulse `{field}` must lie in 1ms..=1h, got {value:?}: the default is {default:?}")]
pub struct PulseConfigError {
    /// Which span.
    pub field: &'static str,
    /// What was given.
    pub value: Duration,
    /// What to use when in doubt.
    pub default: Duration,
}

impl PulseConfig {
    /// Between two COMPUTEs, 100 ms: the time within which an overload is noticed.
    pub const INTERVAL: Duration = Duration::from_millis(100);
    /// For one push or pull, 1 s, which is ten pulses: a store that takes longer counts as down.
    pub const BUDGET: Duration = Duration::from_secs(1);
    /// Between attempts to reach a store that fails. One that came back is found within the longest
    /// wait.
    pub const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));

    /// The same configuration with this interval between COMPUTEs (and pulls, if there are any).
    ///
    /// # Errors
    /// [`PulseConfigError`] if it is not within a millisecond and an hour.
    pub fn with_interval(mut self, interval: Duration) -> Result<Self, PulseConfigError> {
        self.interval = check("interval", interval, Self::INTERVAL)?;
        self.pull_interval = self.pull_interval.map(|_| interval);
        Ok(self)
    }

    /// The same configuration with this much time for a push.
    ///
    /// # Errors
    /// [`PulseConfigError`] if it is not within a millisecond and an hour.
    pub fn with_push_budget(mut self, budget: Duration) -> Result<Self, PulseConfigError> {
        self.push_budget = check("push_budget", budget, Self::BUDGET)?;
        Ok(self)
    }

    /// The same configuration with this much time for a pull.
    ///
    /// # Errors
    /// [`PulseConfigError`] if it is not within a millisecond and an hour.
    pub fn with_pull_budget(mut self, budget: Duration) -> Result<Self, PulseConfigError> {
        self.pull_budget = check("pull_budget", budget, Self::BUDGET)?;
        Ok(self)
    }

    /// The same configuration with this much time between the starts of pulls.
    ///
    /// # Errors
    /// [`PulseConfigError`] if it is not within a millisecond and an hour.
    pub fn with_pull_interval(mut self, interval: Duration) -> Result<Self, PulseConfigError> {
        self.pull_interval = Some(check("pull_interval", interval, Self::INTERVAL)?);
        Ok(self)
    }

    /// The same configuration without pulls, for a provider to which no other node writes.
    #[must_use]
    pub const fn without_pull(mut self) -> Self {
        self.pull_interval = None;
        self
    }

    /// The same configuration with this seed for the jitter of the back-off. Nodes with different
    /// seeds do not come back to a restarted store all at once; the machine itself draws no
    /// randomness.
    #[must_use]
    pub const fn with_jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = seed;
        self
    }

    /// The same configuration with this back-off between attempts to reach a store that fails.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Between two COMPUTEs.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Time for one push.
    #[must_use]
    pub const fn push_budget(&self) -> Duration {
        self.push_budget
    }

    /// Time for one pull.
    #[must_use]
    pub const fn pull_budget(&self) -> Duration {
        self.pull_budget
    }

    /// Between the starts of two pulls, if there are any.
    #[must_use]
    pub const fn pull_interval(&self) -> Option<Duration> {
        self.pull_interval
    }

    /// Between attempts to reach a store that fails.
    #[must_use]
    pub const fn backoff(&self) -> Backoff {
        self.backoff
    }

    /// The seed of the jitter.
    #[must_use]
    pub const fn jitter_seed(&self) -> u64 {
        self.jitter_seed
    }
}

impl Default for PulseConfig {
    fn default() -> Self {
        Self {
            interval: Self::INTERVAL,
            push_budget: Self::BUDGET,
            pull_budget: Self::BUDGET,
            pull_interval: Some(Self::INTERVAL),
            backoff: Self::BACKOFF,
            jitter_seed: 0,
        }
    }
}

fn check(field: &'static str, value: Duration, default: Duration) -> Result<Duration, PulseConfigError> {
    // Under a millisecond the pulse would do nothing else; over an hour it is a mistake of units.
    if (Duration::from_millis(1)..=Duration::from_secs(3_600)).contains(&value) {
        Ok(value)
    } else {
        Err(PulseConfigError { field, value, default })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_span_is_named_with_its_default() {
        let zero = PulseConfig::default().with_interval(Duration::ZERO).unwrap_err();
        assert_eq!(zero.to_string(), "pulse `interval` must lie in 1ms..=1h, got 0ns: the default is 100ms");
        assert!(PulseConfig::default().with_push_budget(Duration::MAX).is_err());
        assert!(PulseConfig::default().with_pull_budget(Duration::from_millis(1)).is_ok());
    }

    #[test]
    fn a_pull_that_is_off_stays_off() {
        let quiet = PulseConfig::default().without_pull().with_interval(Duration::from_secs(1)).unwrap();
        assert_eq!(quiet.pull_interval(), None);
    }
}
