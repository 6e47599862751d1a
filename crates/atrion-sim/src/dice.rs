// SPDX-License-Identifier: Apache-2.0
//! Randomness that can be repeated: the stream that pulses draw from, and the distributions a queue
//! needs.
//!
//! Only `libm` and basic arithmetic are used, so a seed gives the same bits on every platform.
//! Streams for different purposes are made with [`Dice::stream`], so that drawing more from one
//! never moves another.

use atrion_core::SplitMix64;

/// A source of random numbers that is nothing but its seed.
#[derive(Debug, Clone)]
pub struct Dice(SplitMix64);

impl Dice {
    /// The source for `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// An independent source for one purpose: the same seed and purpose give the same stream.
    #[must_use]
    pub fn stream(seed: u64, purpose: u64) -> Self {
        let mut dice = Self::new(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.bits();
        Self::new(dice.bits())
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// Uniform in `[lo, hi)`.
    pub fn between(&mut self, lo: f64, hi: f64) -> f64 {
        lo + self.unit() * (hi - lo)
    }

    /// Uniform on a logarithmic scale in `[lo, hi)`, for quantities whose order of magnitude is
    /// what varies.
    pub fn magnitude(&mut self, lo: f64, hi: f64) -> f64 {
        lo * libm::exp(self.unit() * libm::log(hi / lo))
    }

    /// Uniform among `0..count`.
    pub fn index(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// True with the given probability.
    pub fn hits(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Exponential with mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Standard normal, by Box and Muller's transformation.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.exponential());
        radius * libm::cos(core::f64::consts::TAU * self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream_and_purposes_are_independent() {
        let draw = |seed, purpose| {
            let mut dice = Dice::stream(seed, purpose);
            [dice.bits(), dice.bits()]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut dice = Dice::new(7);
        let n = 200_000;
        let (mut e, mut m, mut v) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            e += dice.exponential();
            let z = dice.normal();
            m += z;
            v += z * z;
        }
        let n = f64::from(n);
        assert!((e / n - 1.0).abs() < 0.01 && (m / n).abs() < 0.01 && (v / n - 1.0).abs() < 0.02);
    }
}
