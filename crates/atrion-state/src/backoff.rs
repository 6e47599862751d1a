// SPDX-License-Identifier: Apache-2.0
//! Full jitter: a wait drawn evenly from nothing to a ceiling that doubles. The pulse and the
//! adapters that reconnect by themselves use it.

use std::time::Duration;

use atrion_core::SplitMix64;

/// How long to leave a failing store alone: after failure number k in a row, a wait drawn from
/// `U(0, min(most, first 2^(k-1)))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
}

impl Backoff {
    /// A ceiling that begins with `first` and never exceeds `most`.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most }
    }

    /// The longest wait there is.
    #[must_use]
    pub const fn most(&self) -> Duration {
        self.most
    }

    /// The longest wait after this many failures in a row, counted from 1.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// A wait after this many failures in a row, counted from 1.
    pub fn wait(&self, failures: u32, jitter: &mut SplitMix64) -> Duration {
        self.ceiling(failures).mul_f64(jitter.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));

    #[test]
    fn the_ceiling_doubles_up_to_the_longest() {
        let millis = |failures| BACKOFF.ceiling(failures).as_millis();
        assert_eq!(
            [0, 1, 2, 3, 7, 8, 9, u32::MAX].map(millis),
            [100, 100, 200, 400, 6_400, 10_000, 10_000, 10_000]
        );
    }

    #[test]
    fn waits_fill_the_range_evenly() {
        let mut jitter = SplitMix64::new(7);
        let mut tenths = [0u32; 10];
        for _ in 0..100_000 {
            let wait = BACKOFF.wait(u32::MAX, &mut jitter);
            assert!(wait < BACKOFF.most());
            tenths[wait.as_secs() as usize] += 1;
        }
        assert!(tenths.iter().all(|n| (9_500..10_500).contains(n)), "{tenths:?}");
    }

    #[test]
    fn two_nodes_do_not_wait_alike() {
        let (mut one, mut other) = (SplitMix64::new(1), SplitMix64::new(2));
        assert!((0..10).all(|_| BACKOFF.wait(9, &mut one) != BACKOFF.wait(9, &mut other)));
    }
}
