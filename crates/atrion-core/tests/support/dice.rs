// SPDX-License-Identifier: Apache-2.0
//! Randomness that a test can repeat: the core's stream, and the few distributions a queue needs.

use atrion_core::SplitMix64;

pub(crate) struct Dice(SplitMix64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// Uniform in [lo, hi).
    pub(crate) fn between(&mut self, lo: f64, hi: f64) -> f64 {
        lo + self.unit() * (hi - lo)
    }

    pub(crate) fn hits(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Exponential with the given mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Poisson with the given mean, by counting arrivals.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        let (mut count, mut clock) = (0, self.exponential(1.0));
        while clock < mean {
            count += 1;
            clock += self.exponential(1.0);
        }
        count
    }

    /// How many of `trials` hit.
    pub(crate) fn binomial(&mut self, trials: u64, probability: f64) -> u64 {
        (0..trials).filter(|_| self.hits(probability)).count() as u64
    }
}
