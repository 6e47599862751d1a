// SPDX-License-Identifier: Apache-2.0
//! What is held of one register. Half a million of them may be held, so an age is an instant, a
//! tombstone a flag, and what few have, a load and tenants, elsewhere.

use std::cmp::Reverse;
use std::time::Duration;

use atrion_core::claim::Heaviest;
use atrion_core::{Evidence, Load, Mode, Mono, Ohms, Peer, Wall};

use crate::register::peer_load;
use crate::{DecayRate, MomentumRate, PhysicsVector, Weight};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub(super) version: u64,
    /// When the vector was valid, in nanoseconds of the local clock; may lie before its origin.
    valid_at: i64,
    resistance: Ohms,
    momentum: MomentumRate,
    scar: Ohms,
    decay_rate: DecayRate,
    timestamp: Wall,
    mode: Mode,
    weight: Weight,
    said: Option<Box<(Load, Heaviest)>>,
    /// The node has deleted the route: what remains is the version, which keeps older messages from
    /// reviving it.
    pub(super) deleted: bool,
}

impl Slot {
    pub(super) fn new(version: u64, vector: &PhysicsVector, now: Mono) -> Self {
        let says = !vector.load.is_none() || !vector.tenants.is_none();
        Self {
            version,
            valid_at: instant(now).saturating_sub(span(vector.age)),
            resistance: vector.resistance,
            momentum: vector.momentum,
            scar: vector.scar_tissue,
            decay_rate: vector.decay_rate,
            timestamp: vector.timestamp,
            mode: vector.mode,
            weight: vector.weight,
            said: says.then(|| Box::new((vector.load, vector.tenants))),
            deleted: false,
        }
    }

    pub(super) fn tombstone(version: u64) -> Self {
        let nothing = PhysicsVector::new(Mode::Bootstrap, Ohms::ZERO, Ohms::ZERO);
        Self { deleted: true, ..Self::new(version, &nothing, Mono::ZERO) }
    }

    /// A total order, so that the join is one maximum. Versions decide. A single writer gives one
    /// version one value, but its copies come with different guesses of their age: the *older*
    /// guess wins, or a message that circles would keep a scar young for ever. The rest only
    /// settles ties between registers that break the rule.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        (
            (self.version, self.deleted, Reverse(self.valid_at)),
            self.scar.get().to_bits(),
            (self.mode as u8, self.weight),
            (self.decay_rate.get().to_bits(), self.resistance.get().to_bits()),
            (self.momentum.get().to_bits(), self.timestamp),
            (self.said().0.numbers().map(f32::to_bits), self.said().1),
        )
    }

    pub(super) fn vector(&self, now: Mono) -> PhysicsVector {
        let nanos = instant(now).saturating_sub(self.valid_at).max(0);
        PhysicsVector::new(self.mode, self.resistance, self.scar)
            .with_momentum(self.momentum)
            .with_timestamp(self.timestamp)
            .with_weight(self.weight)
            .with_decay_rate(self.decay_rate)
            .with_age(Duration::from_nanos(nanos.unsigned_abs()))
            .with_load(self.said().0)
            .with_tenants(self.said().1)
    }

    fn said(&self) -> (Load, Heaviest) {
        self.said.as_deref().copied().unwrap_or((Load::NONE, Heaviest::NONE))
    }

    /// The register as the merge takes it, of a node whose word has this share left.
    pub(super) fn peer(&self, now: Mono, fade: f64) -> Peer {
        let vector = self.vector(now);
        let weight = Evidence::saturating(self.weight.share() * fade);
        Peer { scar: vector.aged_scar(), weight, load: peer_load(&vector) }
    }

    /// How much a reader loses with it: its weight times what is left of its scar.
    pub(super) fn worth(&self, now: Mono) -> f64 {
        self.weight.share() * self.vector(now).aged_scar().get()
    }
}

pub(super) fn instant(at: Mono) -> i64 {
    i64::try_from(at.as_nanos()).unwrap_or(i64::MAX)
}

pub(super) fn span(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
