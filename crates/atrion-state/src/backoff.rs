// SPDX-License-Identifier: Apache-2.0
//! Full jitter: a wait drawn evenly from nothing to a ceiling that doubles. For the pulse and for adapters that come back to
//! their stores by themselves.

use std::time::Duration;

/// How long to leave a store alone that fails: after the failure number k in a row a wait from `U(0, min(most, first 2^(k-1)))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
}

/// A stream of numbers from a seed the caller gave (`SplitMix64`): who uses it draws no randomness of its own, and a run
/// can be repeated. It differs between nodes whose seeds differ, and is no secret.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

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

    /// The longest wait after so many failures in a row, counted from 1.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// A wait after so many failures in a row, counted from 1.
    pub fn wait(&self, failures: u32, jitter: &mut Jitter) -> Duration {
        self.ceiling(failures).mul_f64(jitter.unit())
    }
}

impl Jitter {
    /// The stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    #[inline]
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly in `[0, 1)`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what a float holds.
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly in `least..most`.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.unit())
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
        let mut jitter = Jitter::new(7);
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
        let (mut one, mut other) = (Jitter::new(1), Jitter::new(2));
        assert!((0..10).all(|_| BACKOFF.wait(9, &mut one) != BACKOFF.wait(9, &mut other)));
    }

    #[test]
    fn a_seed_gives_one_sequence_within_its_bounds() {
        let (least, most) = (Duration::from_millis(1_000), Duration::from_millis(2_000));
        let draw = |seed| {
            let mut jitter = Jitter::new(seed);
            (0..1_000).map(|_| jitter.between(least, most)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|span| (least..most).contains(span)));
        let mean = draw(7).iter().sum::<Duration>() / 1_000;
        assert!((Duration::from_millis(1_450)..Duration::from_millis(1_550)).contains(&mean), "{mean:?}");
    }
}
