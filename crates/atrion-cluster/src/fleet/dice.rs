// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Randomness from a seed: SplitMix64. Jitter needs to differ between nodes, not to be secret, and a run in a virtual
//! network has to be repeatable to the bit.

use std::time::Duration;

#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `least..most`.
    pub(super) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        // 53 bits are what a float holds.
        let share = (self.roll() >> 11) as f64 / (1u64 << 53) as f64;
        least + most.saturating_sub(least).mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_within_its_bounds() {
        let (least, most) = (Duration::from_millis(1_000), Duration::from_millis(2_000));
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..1_000).map(|_| dice.between(least, most)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|span| (least..most).contains(span)));
        let mean = draw(7).iter().sum::<Duration>() / 1_000;
        assert!((Duration::from_millis(1_450)..Duration::from_millis(1_550)).contains(&mean), "{mean:?}");
    }
}
