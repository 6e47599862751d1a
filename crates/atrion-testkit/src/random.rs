// SPDX-License-Identifier: Apache-2.0
//! Randomness for tests that are decided by one number: print the seed, and a failure can be
//! repeated.

use atrion_core::SplitMix64;

/// Whole numbers from the stream that pulses and adapters draw their waits from.
#[derive(Debug, Clone)]
pub struct Random(SplitMix64);

impl Random {
    /// The source of that seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }

    /// True with a chance of so many in a thousand.
    pub fn permille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_sequence_and_nothing_is_out_of_its_bounds() {
        let draw = |seed| {
            std::array::from_fn::<u64, 64, _>({
                let mut random = Random::new(seed);
                move |_| random.below(7)
            })
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!((0..7).all(|wanted| draw(1).contains(&wanted)) && draw(1).iter().all(|drawn| *drawn < 7));
        let mut random = Random::new(3);
        assert_eq!(random.below(0), 0);
        let hits = (0..10_000).filter(|_| random.permille(300)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
    }
}
