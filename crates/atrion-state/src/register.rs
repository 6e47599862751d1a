// SPDX-License-Identifier: Apache-2.0
//! What a node knows of other nodes: registers, joined as a CRDT.
//!
//! Every node writes one register per route, its own, so nothing is ever merged *into* a register:
//! joining two views only chooses the later of two registers. Blending registers into one scar is a
//! pure function of the core and never flows back.

use std::time::Duration;

use atrion_core::{Evidence, Peer, PeerLoad};

use crate::{NodeId, PhysicsVector};

mod set;
pub use set::{RegisterSet, RegisterSetLimits};

/// One node's vector of one route, as another node sees it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Register {
    /// The only node that writes this register.
    pub node: NodeId,
    /// Which life of the node wrote it. A later life replaces everything of an earlier one.
    pub incarnation: u64,
    /// Rises with every change within an incarnation.
    pub version: u64,
    /// The node's own vector.
    pub vector: PhysicsVector,
    /// How long the *node* was not heard of, for [`Liveness`]. The age of its vector is another
    /// thing.
    pub silence: Duration,
}

impl Register {
    /// A register of a node that was heard of just now.
    #[must_use]
    pub const fn new(node: NodeId, incarnation: u64, version: u64, vector: PhysicsVector) -> Self {
        Self { node, incarnation, version, vector, silence: Duration::ZERO }
    }

    /// The same register of a node that was last heard of `silence` ago.
    #[must_use]
    pub const fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// The register as the core's blend takes it: the scar faded by its age, the evidence by the
    /// node's silence.
    #[must_use]
    pub fn as_peer(&self, liveness: &Liveness) -> Peer {
        let weight = self.vector.weight.share() * liveness.fade(self.silence);
        Peer {
            scar: self.vector.aged_scar(),
            weight: Evidence::saturating(weight),
            load: peer_load(&self.vector),
        }
    }
}

/// A load is of now, and told in each pulse: what is older says less, whoever it comes from.
fn peer_load(vector: &PhysicsVector) -> PeerLoad {
    let liveness = Liveness::new(LOAD_IS_WHOLE, LOAD_IS_GONE);
    PeerLoad { load: vector.load, alive: Evidence::saturating(liveness.fade(vector.age)) }
}

/// Some loads may be lost on the way or come late.
const LOAD_IS_WHOLE: Duration = Duration::from_secs(1);
const LOAD_IS_GONE: Duration = Duration::from_secs(3);

/// How the weight of a silent node fades: whole for a while, then linearly to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liveness {
    whole: Duration,
    gone: Duration,
}

impl Liveness {
    /// A node's weight is whole up to `whole` of silence and nothing from `gone` on; `gone` before
    /// `whole` is a step at `whole`.
    #[must_use]
    pub fn new(whole: Duration, gone: Duration) -> Self {
        Self { whole, gone: gone.max(whole) }
    }

    /// What is left of a node's weight, in 0..=1, after this much silence.
    #[must_use]
    pub fn fade(&self, silence: Duration) -> f64 {
        if silence <= self.whole {
            1.0
        } else if silence >= self.gone {
            0.0
        } else {
            let left = self.gone.saturating_sub(silence).as_secs_f64();
            left / self.gone.saturating_sub(self.whole).as_secs_f64()
        }
    }

    /// The silence up to which a node's weight is whole.
    #[must_use]
    pub const fn whole(&self) -> Duration {
        self.whole
    }

    /// The silence from which a node's weight is nothing.
    #[must_use]
    pub const fn gone(&self) -> Duration {
        self.gone
    }
}

impl Default for Liveness {
    /// Whole for three heartbeats of a second, gone after ten: continuous, so that a partition
    /// shows as a slope and not as a step of every route at once.
    fn default() -> Self {
        Self { whole: Duration::from_secs(3), gone: Duration::from_secs(10) }
    }
}

#[cfg(test)]
mod tests {
    use atrion_core::{Mode, Ohms};

    use super::*;
    use crate::{DecayRate, Weight};

    #[test]
    fn a_silent_node_fades_without_a_step() {
        let live = Liveness::default();
        let at = |millis| live.fade(Duration::from_millis(millis));
        assert_eq!((at(0), at(3_000), at(6_500), at(10_000), at(u64::MAX)), (1.0, 1.0, 0.5, 0.0, 0.0));
        let mut last = 1.0;
        for millis in (0..11_000).step_by(10) {
            let now = at(millis);
            assert!(now <= last && last - now < 0.002, "a step at {millis} ms");
            last = now;
        }
    }

    #[test]
    fn a_peer_is_a_register_faded_by_age_and_by_silence() {
        let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(40.0))
            .with_weight(Weight::FULL)
            .with_decay_rate(DecayRate::saturating(0.5))
            .with_age(Duration::from_secs(2));
        let register =
            Register::new(NodeId::local(), 1, 1, vector).with_silence(Duration::from_millis(6_500));
        let peer = register.as_peer(&Liveness::default());
        assert!((peer.scar.get() - 40.0 * (-1.0f64).exp()).abs() < 1e-12);
        assert_eq!(peer.weight, Evidence::saturating(0.5));
    }

    #[test]
    fn a_fade_of_no_length_is_a_step_not_a_nan() {
        let step = Liveness::new(Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(step.fade(Duration::from_secs(2)), 1.0);
        assert_eq!(step.fade(Duration::from_millis(2_001)), 0.0);
    }
}
