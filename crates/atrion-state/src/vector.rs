// SPDX-License-Identifier: Apache-2.0
//! What is kept about a route between two lives of a process, and shared between nodes.

use std::time::Duration;

use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Ohms, Wall};

mod quantity;
pub use quantity::{DecayRate, MomentumRate, VectorError, Weight};

/// The state of one route on one node: RFC-0007's four fields, plus what a reader needs to age
/// them.
///
/// Ages are spans, never dates, so no two clocks have to agree. A store adds the time that a vector
/// lay in it to [`age`](Self::age) and changes nothing else; a reader asks
/// [`aged_scar`](Self::aged_scar).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct PhysicsVector {
    /// R of the route at its last step. Shown to people; a reading node computes its own.
    pub resistance: Ohms,
    /// How fast pressure was changing. Shown to people.
    pub momentum: MomentumRate,
    /// The scar S at the instant `age` counts from. A node's *own* scar, never a merged one.
    pub scar_tissue: Ohms,
    /// When the vector was taken, for people only: no decision reads it.
    pub timestamp: Wall,
    /// What the route was doing.
    pub mode: Mode,
    /// How much evidence of its own the node had.
    pub weight: Weight,
    /// The rate lambda at which the scar fades.
    pub decay_rate: DecayRate,
    /// How long ago the scar had its value. In serde formats: seconds as a float.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub age: Duration,
    /// What load the node had on a route whose callee it shares with the fleet.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Load::is_none"))]
    pub load: Load,
    /// The node's heaviest tenants on a route that cannot serve all. Of now: no form for people or
    /// restarts keeps it.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub tenants: Heaviest,
}

impl PhysicsVector {
    /// Below this many ohms a scar is nothing: a hundredth of an ohm moves no request across any
    /// gate.
    pub const NEUTRAL_OHMS: f64 = 0.01;

    /// A vector that was valid just now, without momentum, evidence or decay; the `with_` methods
    /// add them.
    #[must_use]
    pub const fn new(mode: Mode, resistance: Ohms, scar_tissue: Ohms) -> Self {
        Self {
            resistance,
            momentum: MomentumRate::ZERO,
            scar_tissue,
            timestamp: Wall::from_millis(0),
            mode,
            weight: Weight::NONE,
            decay_rate: DecayRate::ZERO,
            age: Duration::ZERO,
            load: Load::NONE,
            tenants: Heaviest::NONE,
        }
    }

    /// The same vector with these tenants.
    #[must_use]
    pub const fn with_tenants(mut self, tenants: Heaviest) -> Self {
        self.tenants = tenants;
        self
    }

    /// The same vector with this load.
    #[must_use]
    pub const fn with_load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    /// The same vector with this momentum.
    #[must_use]
    pub const fn with_momentum(mut self, momentum: MomentumRate) -> Self {
        self.momentum = momentum;
        self
    }

    /// The same vector, taken at this wall time.
    #[must_use]
    pub const fn with_timestamp(mut self, timestamp: Wall) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The same vector with this much evidence.
    #[must_use]
    pub const fn with_weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    /// The same vector, its scar fading at this rate.
    #[must_use]
    pub const fn with_decay_rate(mut self, decay_rate: DecayRate) -> Self {
        self.decay_rate = decay_rate;
        self
    }

    /// The same vector at this age.
    #[must_use]
    pub const fn with_age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// The same vector, `span` later. Saturates.
    #[must_use]
    pub const fn older_by(mut self, span: Duration) -> Self {
        self.age = self.age.saturating_add(span);
        self
    }

    /// What is left of the scar: `S e^(-lambda age)` (`manual/physics.md`, forgetting).
    #[must_use]
    pub fn aged_scar(&self) -> Ohms {
        // Most routes have no scar, and what is fresh has not faded: they are spared the
        // exponential.
        if self.scar_tissue == Ohms::ZERO || self.age.is_zero() {
            return self.scar_tissue;
        }
        let left = libm::exp(-self.decay_rate.get() * self.age.as_secs_f64());
        Ohms::saturating(self.scar_tissue.get() * left)
    }

    /// Whether it says nothing: there is no scar, no evidence, no load and no tenant, as on a route
    /// that was just made.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.is_neutral() && self.weight == Weight::NONE && self.load.is_none() && self.tenants.is_none()
    }

    /// Whether losing this vector loses nothing: the breaker is not open, and no scar is left.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.mode != Mode::CircuitBreaker && self.aged_scar().get() < Self::NEUTRAL_OHMS
    }
}

/// A span as seconds, refusing what is no span.
#[cfg(feature = "serde")]
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(span.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(|why| {
            de::Error::custom(format_args!("`age` must be seconds >= 0, got {seconds}: {why}"))
        })
    }
}
