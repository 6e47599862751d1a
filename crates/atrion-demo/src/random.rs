// SPDX-License-Identifier: Apache-2.0
//! Seeded randomness, so that both runs meet the same arrivals and the same work.

use atrion_core::{SplitMix64, fnv1a};

/// A stream of numbers that depends on its seed alone.
#[derive(Clone, Debug)]
pub(crate) struct Random(SplitMix64);

impl Random {
    /// A stream for one purpose or one request: equal parts give equal streams.
    pub(crate) fn of(parts: &[u64]) -> Self {
        let seed = parts.iter().fold(0, |seed, part| SplitMix64::new(seed ^ *part).next_u64());
        Self(SplitMix64::new(seed))
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// Uniform below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }

    /// Exponential with mean 1: the gap between two Poisson arrivals of rate 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Log-normal with mean 1. `spread` is the deviation of the logarithm: 0.5 puts the median at
    /// 0.88 and one draw in a hundred above 2.8.
    pub(crate) fn lognormal(&mut self, spread: f64) -> f64 {
        // The Box-Muller transform; 1 - u keeps zero out of the logarithm.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        (spread * normal - spread * spread / 2.0).exp()
    }
}

/// A hash of text that is equal on every platform and in every run. FNV-1a of similar texts is
/// similar, so a step of the stream follows.
pub(crate) fn hash(text: &str) -> u64 {
    SplitMix64::new(fnv1a(text.as_bytes())).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(mut draw: impl FnMut() -> f64) -> f64 {
        (0..100_000).map(|_| draw()).sum::<f64>() / 100_000.0
    }

    #[test]
    fn means_are_what_they_say() {
        let mut random = Random::of(&[1]);
        assert!((mean(|| random.unit()) - 0.5).abs() < 0.01);
        assert!((mean(|| random.exponential()) - 1.0).abs() < 0.02);
        assert!((mean(|| random.lognormal(0.5)) - 1.0).abs() < 0.02);
    }

    #[test]
    fn equal_parts_give_equal_streams_and_others_do_not() {
        let first = |parts: &[u64]| Random::of(parts).below(u64::MAX);
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(hash("10.0.0.1"), hash("10.0.0.2"));
    }
}
