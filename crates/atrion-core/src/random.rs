// SPDX-License-Identifier: Apache-2.0
//! `SplitMix64` (Steele, Lea and Flood, 2014): the one stream of pseudo-random numbers.
//!
//! The caller gives the seed, so a run can be repeated, on every platform to the bit. It does not
//! know a source of entropy, and no secret may depend on it.

use core::time::Duration;

/// A stream of numbers that depends on its seed alone. Any seed is a good one, and streams of
/// different seeds are independent.
///
/// ```
/// use atrion_core::SplitMix64;
///
/// let (mut one, mut again) = (SplitMix64::new(7), SplitMix64::new(7));
/// assert_eq!(one.next_u64(), again.next_u64());
/// assert!((0.0..1.0).contains(&one.unit()));
/// assert!(one.below(6) < 6);
/// ```
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// 2^64 divided by the golden ratio: what the state moves by in each step.
    pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits of the stream.
    #[inline]
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::GOLDEN);
        Self::mix(self.0)
    }

    /// Uniform in `[0, 1)`: 53 bits, the precision of a double.
    #[inline]
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform below `end`; 0 if `end` is 0. The bias of the remainder is `end` / 2^64.
    #[inline]
    pub const fn below(&mut self, end: u64) -> u64 {
        match self.next_u64().checked_rem(end) {
            Some(number) => number,
            None => 0,
        }
    }

    /// Uniform in `least..most`.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.unit())
    }

    /// The finaliser of the stream by itself: a bijection that turns a key into a good hash.
    #[must_use]
    #[inline]
    pub(crate) const fn mix(mut z: u64) -> u64 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_seed_gives_one_sequence_within_its_bounds() {
        let (least, most) = (Duration::from_millis(1_000), Duration::from_millis(2_000));
        let draw = |seed| {
            let mut random = SplitMix64::new(seed);
            core::array::from_fn::<_, 1_000, _>(|_| random.between(least, most))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|span| (least..most).contains(span)));
        let mean = draw(7).iter().sum::<Duration>() / 1_000;
        assert!((Duration::from_millis(1_450)..Duration::from_millis(1_550)).contains(&mean), "{mean:?}");
    }

    #[test]
    fn whole_numbers_stay_below_their_end_and_reach_each() {
        let mut random = SplitMix64::new(1);
        let mut drawn = [0u32; 7];
        for _ in 0..7_000 {
            drawn[random.below(7) as usize] += 1;
        }
        assert!(drawn.iter().all(|n| (850..1_150).contains(n)), "{drawn:?}");
        assert_eq!(random.below(0), 0);
    }
}
