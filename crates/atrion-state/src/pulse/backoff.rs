// SPDX-License-Identifier: Apache-2.0
//! Full jitter: a wait drawn evenly from nothing to a ceiling that doubles.

use std::time::Duration;

use super::PulseConfig;

/// A stream of numbers from a seed the caller gave (`SplitMix64`): the machine draws no randomness of its own, and a
/// run can be repeated.
#[derive(Debug, Clone)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A wait from `U(0, min(10 s, 100 ms 2^k))` after the failure number `failures` (from 1) in a row, k = failures - 1.
    pub(super) fn wait(&mut self, failures: u32) -> Duration {
        ceiling(failures).mul_f64(self.unit())
    }

    /// In `[0, 1)`.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn ceiling(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    PulseConfig::BACKOFF_BASE.saturating_mul(1 << doublings).min(PulseConfig::BACKOFF_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_ten_seconds() {
        let millis = |failures| ceiling(failures).as_millis();
        assert_eq!([1, 2, 3, 7, 8, 9, u32::MAX].map(millis), [100, 200, 400, 6_400, 10_000, 10_000, 10_000]);
    }

    #[test]
    fn waits_fill_the_range_evenly() {
        let mut jitter = Jitter::new(7);
        let mut tenths = [0u32; 10];
        for _ in 0..100_000 {
            let wait = jitter.wait(u32::MAX);
            assert!(wait < PulseConfig::BACKOFF_CAP);
            tenths[wait.as_secs() as usize] += 1;
        }
        assert!(tenths.iter().all(|n| (9_500..10_500).contains(n)), "{tenths:?}");
    }

    #[test]
    fn two_nodes_do_not_wait_alike() {
        let (mut one, mut other) = (Jitter::new(1), Jitter::new(2));
        assert!((0..10).all(|_| one.wait(9) != other.wait(9)));
    }
}
