// SPDX-License-Identifier: Apache-2.0
//! One node's view of a route: its own register and those of its live peers, and their sums.

use super::PeerLoad;
use crate::Ohms;

/// How much a node knows of a route, 0 nothing to 1 plenty: `c = n / (n + 20)` of the calls it has
/// lately completed, times how alive the node is. It saturates, so volume cannot dominate a fleet.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Evidence(f64);

impl Evidence {
    /// Nothing is known.
    pub const NONE: Self = Self(0.0);
    /// Plenty is known. Also the weight of a register whose provider carries no evidence: then the
    /// mean is plain.
    pub const FULL: Self = Self(1.0);

    /// The nearest valid evidence: NaN and negatives become 0, what is above 1 becomes 1.
    #[must_use]
    pub const fn saturating(share: f64) -> Self {
        Self(share.max(0.0).min(1.0))
    }

    /// The evidence that [`to_byte`](Self::to_byte) packed.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte as f64 / 255.0)
    }

    /// The evidence in 255 steps, to the nearest.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        (self.0 * 255.0 + 0.5) as u8
    }

    /// The share, 0..=1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// Another node's register as seen now: aged by its own decay, faded by its silence.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Peer {
    /// Its scar, decayed to now.
    pub scar: Ohms,
    /// Its evidence times its fade.
    pub weight: Evidence,
    /// What it says of its load, and how far that is still of now.
    pub load: PeerLoad,
}

impl Peer {
    pub(super) fn clipped(self, clip: Ohms) -> Self {
        Self { scar: Ohms::saturating(self.scar.get().min(clip.get())), ..self }
    }
}

/// The node's own register.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Own {
    /// S: the live own scar.
    pub scar: Ohms,
    /// `c`: the live own evidence. It decides how much the node listens.
    pub evidence: Evidence,
    /// The own weight in the fleet's mean: the evidence as it was last published, so that every
    /// node of one view computes the same mean.
    pub weight: Evidence,
}

impl Own {
    /// A node whose published evidence is its live one.
    #[must_use]
    pub const fn new(scar: Ohms, evidence: Evidence) -> Self {
        Self { scar, evidence, weight: evidence }
    }

    pub(super) const fn register(self) -> Peer {
        Peer { scar: self.scar, weight: self.weight, load: PeerLoad::NONE }
    }
}

/// Sums over registers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) count: usize,
    /// `sum w`
    pub(super) weight: f64,
    /// `max w`
    pub(super) heaviest: f64,
    /// `sum w x`
    pub(super) weighted: f64,
    /// `sum x`
    pub(super) plain: f64,
}

impl Sums {
    pub(super) fn with(self, register: Peer) -> Self {
        let (x, w) = (register.scar.get(), register.weight.get());
        Self {
            count: self.count + 1,
            weight: self.weight + w,
            heaviest: self.heaviest.max(w),
            weighted: self.weighted + w * x,
            plain: self.plain + x,
        }
    }

    /// The weighted mean of at least one register.
    pub(super) fn mean(&self) -> f64 {
        weighted_mean(self.weighted, self.weight, self.plain / self.count as f64)
    }
}

/// `(sum w x + eps mean x) / (sum w + eps)`: without any evidence the plain mean decides.
pub(super) fn weighted_mean(weighted: f64, weight: f64, mean: f64) -> f64 {
    (weighted + EPS * mean) / (weight + EPS)
}

const EPS: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_survives_its_byte_and_is_never_invalid() {
        for byte in 0..=u8::MAX {
            assert_eq!(Evidence::from_byte(byte).to_byte(), byte);
        }
        for raw in [f64::NAN, -1.0, 2.0, f64::INFINITY] {
            assert!((0.0..=1.0).contains(&Evidence::saturating(raw).get()));
        }
    }

    #[test]
    fn without_evidence_the_plain_mean_decides() {
        let silent =
            |scar| Peer { scar: Ohms::saturating(scar), weight: Evidence::NONE, load: PeerLoad::NONE };
        let sums = Sums::default().with(silent(2.0)).with(silent(6.0));
        assert_eq!(sums.mean(), 4.0);
    }
}
