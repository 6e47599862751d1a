// SPDX-License-Identifier: Apache-2.0
//! Seeded randomness, so that both runs meet the same arrivals and the same work.
//!
//! SplitMix64 (Steele, Lea and Flood, 2014): 64 bits of state, any seed is a good one, and the
//! stream is the same on every platform. Nothing here is for secrets.

/// A stream of numbers that depends on its seed alone.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream for one purpose or one request: equal parts give equal streams.
    pub(crate) fn of(parts: &[u64]) -> Self {
        Self(parts.iter().fold(0, |state, part| mix(state.wrapping_add(GOLDEN) ^ *part)))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in [0, 1): 53 bits, the precision of a double.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with mean 1: the gap between two Poisson arrivals of rate 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Log-normal with mean 1. `spread` is the deviation of the logarithm: 0.5 puts the median at
    /// 0.88 and one draw in a hundred above 2.8.
    pub(crate) fn lognormal(&mut self, spread: f64) -> f64 {
        // Box and Muller's transform; 1 - u keeps zero out of the logarithm.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.uniform()).cos();
        (spread * normal - spread * spread / 2.0).exp()
    }

    /// Uniform below `bound`, which must not be zero. The bias of the remainder is under 2^-32 for
    /// the small bounds that are used here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }
}

/// A stable hash of text (FNV-1a, finished by SplitMix64's mixer): equal on every platform and in
/// every run, which the hashes of the standard library do not promise.
pub(crate) fn hash(text: &str) -> u64 {
    let step = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(mut draw: impl FnMut() -> f64) -> f64 {
        (0..100_000).map(|_| draw()).sum::<f64>() / 100_000.0
    }

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = Random(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn means_are_what_they_say() {
        let mut random = Random(1);
        assert!((mean(|| random.uniform()) - 0.5).abs() < 0.01);
        assert!((mean(|| random.exponential()) - 1.0).abs() < 0.02);
        assert!((mean(|| random.lognormal(0.5)) - 1.0).abs() < 0.02);
    }

    #[test]
    fn equal_parts_give_equal_streams_and_others_do_not() {
        assert_eq!(Random::of(&[1, 2]).bits(), Random::of(&[1, 2]).bits());
        assert_ne!(Random::of(&[1, 2]).bits(), Random::of(&[2, 1]).bits());
        assert_ne!(hash("10.0.0.1"), hash("10.0.0.2"));
    }
}
