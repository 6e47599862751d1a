// SPDX-License-Identifier: Apache-2.0
//! The fleet's scar as one node sees it.
//!
//! Each node publishes its own scar and nothing else. Its gate uses a pure function of the scars it
//! can see, which is never written back: neither into the node's own scar nor onto the wire. Mode
//! and breaker look at the own scar, so hearsay can shed low tiers and cannot open a breaker.
//!
//! [`blend`] is the two-argument formula of RFC-0007 section 5. [`Blend::merged`] merges a whole
//! view of the fleet:
//!
//! ```text
//! x_j       = min(S_j, C)
//! S_cluster = (sum w_j x_j + eps mean_j x_j) / (sum w_j + eps)   j over the node and its peers
//! S_hear    = min(x_loo, max(H, S))                   x_loo: the mildest view less one peer
//! h         = b g (1 - c) / (g + (1 - g) c)           trust in hearsay where own evidence c is thin
//! b         = clamp((sum w_j - max w_j) / 0.25, 0, 1) j over the peers; 0 with less than two
//! S_merged  = g S_cluster + (1 - g) ((1 - h) S + h S_hear)
//! ```

mod load;
pub use load::Load;

mod capacity;
pub use capacity::{Capacity, PeerLoad, Share};

mod gamma;
pub use gamma::{Gamma, GammaError};

mod view;
pub use view::{Evidence, Own, Peer};

use crate::Ohms;
use view::{Sums, weighted_mean};

/// `gamma * cluster + (1 - gamma) * local`, as RFC-0007 section 5 writes it.
///
/// `cluster` is the fleet's scar by the caller's own reckoning; [`Blend::merged`] computes one that
/// counts the node itself.
///
/// ```
/// use atrion_core::{Gamma, Ohms, blend};
///
/// let merged = blend(Gamma::RECOMMENDED, Ohms::new(2.0)?, Ohms::new(5.0)?);
/// assert!((merged.get() - 4.1).abs() < 1e-12);
/// # Ok::<(), atrion_core::UnitError>(())
/// ```
#[must_use]
pub fn blend(gamma: Gamma, cluster: Ohms, local: Ohms) -> Ohms {
    let gamma = gamma.get();
    Ohms::saturating(gamma * cluster.get() + (1.0 - gamma) * local.get())
}

/// Which way the fleet may move a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[allow(clippy::exhaustive_enums)] // "lower only" would take a node's own defence away
pub enum Direction {
    /// Up and down, the literal formula. A lone victim brakes `1 / (1 - gamma)` later than it would
    /// alone.
    #[default]
    Both,
    /// Only up: `max(S_merged, S_local)`. Recommended for `gamma < 1` in production; nodes with
    /// `gamma = 1` then do not agree to the bit any more.
    RaiseOnly,
}

/// How a node listens to its fleet.
///
/// ```
/// use atrion_core::{Blend, Evidence, Gamma, Ohms, Own, Peer};
///
/// let blend = Blend::new(Gamma::RECOMMENDED, Ohms::new(60.0)?);
/// let own = Own::new(Ohms::new(5.0)?, Evidence::FULL);
/// let peer = |scar| Peer { scar, weight: Evidence::FULL, ..Peer::default() };
/// let merged = blend.merged(own, [peer(Ohms::new(2.0)?), peer(Ohms::ZERO)]);
/// assert!(merged < own.scar, "two healthy peers take a little off");
/// assert_eq!(blend.merged(own, []), own.scar, "alone nothing changes");
/// # Ok::<(), atrion_core::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, valid by the types of its fields
pub struct Blend {
    /// `g`: the weight of the fleet.
    pub gamma: Gamma,
    /// `C`: no register counts for more than this. The same constant at every node of a fleet.
    pub clip: Ohms,
    /// `H`: how far hearsay can lift a node that has no scar of its own.
    pub hearsay_cap: Ohms,
    /// Whether a node with little evidence of its own listens more. Exactly no change with full
    /// evidence, and with less than two peers.
    pub epistemic: bool,
    /// Which way the fleet may move a node.
    pub direction: Direction,
}

impl Blend {
    /// The recommended way to listen: `C` is the greatest scar of the preset in use, `H` half of
    /// it.
    #[must_use]
    pub fn new(gamma: Gamma, ceiling: Ohms) -> Self {
        let hearsay_cap = Ohms::saturating(ceiling.get() / 2.0);
        Self { gamma, clip: ceiling, hearsay_cap, epistemic: true, direction: Direction::Both }
    }

    /// `S_merged`, for the gate's resistance and for nothing else.
    ///
    /// `peers` are the live registers of the *other* nodes. Their order affects rounding alone:
    /// handed over in the order of node ids, every node computes the same bits. Without peers, or
    /// with `gamma = 0`, the answer is the own scar to the bit. Walks the peers twice and allocates
    /// nothing.
    #[must_use]
    pub fn merged<I>(&self, own: Own, peers: I) -> Ohms
    where
        I: IntoIterator<Item = Peer, IntoIter: Clone>,
    {
        let g = self.gamma.get();
        let peers = peers.into_iter().map(|peer| peer.clipped(self.clip));
        let others = peers.clone().fold(Sums::default(), Sums::with);
        if others.count == 0 || g <= 0.0 {
            return own.scar;
        }
        let local = own.scar.get();
        let cluster = others.with(own.register().clipped(self.clip)).mean();

        let h = self.hearsay(own.evidence.get(), &others);
        let known = if h > 0.0 {
            let hear = mildest_without_one(peers, &others).min(self.hearsay_cap.get().max(local));
            (1.0 - h) * local + h * hear
        } else {
            local
        };
        let merged = g * cluster + (1.0 - g) * known;
        Ohms::saturating(match self.direction {
            Direction::Both => merged,
            Direction::RaiseOnly => merged.max(local),
        })
    }

    /// `h`, 0..=1: the part of the own scar's weight that goes to hearsay instead.
    ///
    /// With `g_e = g / (g + (1-g) c)`, the weight of the fleet for a node of evidence c, the extra
    /// weight `g_e - g` is worked out as `(1-g) h`: so it is exactly 0 where `c = 1`, and no
    /// rounding of it meets a huge scar. The guard `b` asks for evidence of a *second* peer: one
    /// loud peer alone is not a fleet.
    fn hearsay(&self, evidence: f64, others: &Sums) -> f64 {
        if !self.epistemic || others.count < 2 {
            return 0.0;
        }
        let g = self.gamma.get();
        let guard = ((others.weight - others.heaviest) / SECOND_OPINION).clamp(0.0, 1.0);
        guard * (1.0 - evidence) * (g / (g + (1.0 - g) * evidence))
    }
}

/// The weight beside the heaviest peer at which hearsay counts in full.
const SECOND_OPINION: f64 = 0.25;

/// `x_loo`: the least weighted mean of the peers with one of them left out. Taking the minimum over
/// *all* exclusions keeps the merge monotone; leaving out the largest scar would not.
fn mildest_without_one(peers: impl Iterator<Item = Peer>, others: &Sums) -> f64 {
    let rest = (others.count - 1) as f64;
    let without = |peer: Peer| {
        let (x, w) = (peer.scar.get(), peer.weight.get());
        // Taking one out again may leave a crumb below zero where the rest is zero.
        let weight = (others.weight - w).max(0.0);
        let weighted = (others.weighted - w * x).max(0.0);
        let mean = ((others.plain - x) / rest).max(0.0);
        weighted_mean(weighted, weight, mean)
    };
    peers.map(without).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ohms(value: f64) -> Ohms {
        Ohms::new(value).unwrap()
    }

    fn heard(scar: f64) -> Peer {
        Peer { scar: ohms(scar), weight: Evidence::FULL, ..Peer::default() }
    }

    fn own(scar: f64, evidence: f64) -> Own {
        Own::new(ohms(scar), Evidence::saturating(evidence))
    }

    #[test]
    fn the_example_of_the_rfc_with_and_without_the_node_itself() {
        let gamma = Gamma::RECOMMENDED;
        assert!((blend(gamma, ohms(2.0), ohms(5.0)).get() - 4.1).abs() < 1e-12);
        let blend = Blend::new(gamma, ohms(100.0));
        assert!((blend.merged(own(5.0, 1.0), [heard(2.0)]).get() - 4.55).abs() < 1e-9);
        assert!((blend.merged(own(2.0, 1.0), [heard(5.0)]).get() - 2.45).abs() < 1e-9);
    }

    #[test]
    fn alone_nothing_changes_not_even_what_is_above_the_clip() {
        let blend = Blend::new(Gamma::HIVE_MIND, ohms(100.0));
        assert_eq!(blend.merged(own(250.0, 0.0), []), ohms(250.0));
        let isolated = Blend::new(Gamma::ISOLATED, ohms(100.0));
        assert_eq!(isolated.merged(own(250.0, 0.0), [heard(3.0), heard(4.0)]), ohms(250.0));
    }

    #[test]
    fn a_node_without_evidence_listens_to_two_voices_and_not_to_one() {
        let blend = Blend::new(Gamma::RECOMMENDED, ohms(100.0));
        let one = blend.merged(own(0.0, 0.0), [heard(100.0)]).get();
        assert!(one <= 30.0, "{one}");
        let two = blend.merged(own(0.0, 0.0), [heard(100.0), heard(100.0)]).get();
        assert!((two - (30.0 + 0.7 * 50.0)).abs() < 0.1, "{two}");
        let literal = Blend { epistemic: false, ..blend };
        let deaf = literal.merged(own(0.0, 0.0), [heard(100.0), heard(100.0)]).get();
        assert!((deaf - 30.0).abs() < 0.1, "{deaf}");
    }

    #[test]
    fn a_victim_keeps_its_own_brake_where_the_fleet_may_only_raise() {
        let both = Blend::new(Gamma::RECOMMENDED, ohms(100.0));
        let raise = Blend { direction: Direction::RaiseOnly, ..both };
        let healthy = [heard(0.0), heard(0.0), heard(0.0)];
        assert!(both.merged(own(90.0, 1.0), healthy).get() < 75.0);
        assert_eq!(raise.merged(own(90.0, 1.0), healthy), ohms(90.0));
    }
}
