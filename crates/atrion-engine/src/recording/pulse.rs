// SPDX-License-Identifier: Apache-2.0
//! One COMPUTE, as it is recorded.

use std::time::Duration;

use atrion_core::adaptive::Window;
use atrion_core::{Mode, Mono, Ohms, Share, Terms};

use crate::live::{Force, REASONS, TIERS};
use crate::physics::{Model, Tapped, Turn};
use crate::signal::Signalled;

/// One COMPUTE: what it was fed, what was counted meanwhile, and what it decided.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct PulseRecord {
    /// When, by the instance's clock.
    #[cfg_attr(feature = "serde", serde(rename = "at_ns"))]
    pub at: Mono,
    /// Time before the window in which the route was known to be idle, in nanoseconds.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub idle_ns: u64,
    /// The length of the window, in nanoseconds.
    pub dt_ns: u64,
    /// What the request path had done before the window was read.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub before: Vec<Turn>,
    /// What it did while it was.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub during: Vec<Turn>,
    /// The window as the physics got it. Failures from before a closing are not in it.
    pub window: Window,
    /// The strongest signal in the gate, if there was one.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub signal: Option<Signalled>,
    /// The merged scar that stood in the gate in place of the own one, in a fleet.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub merged: Option<Ohms>,
    /// What the fleet left to this node of a callee that is one for all, while it held.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub share: Option<Share>,
    /// The crowd was the affair of the route's group, so it was not in this gate.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_false"))]
    pub by_group: bool,
    /// Nothing was shed: shadow mode.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_false"))]
    pub shadow: bool,
    /// An operator held the route open or closed.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_false"))]
    pub by_hand: bool,
    /// Requests let through, by tier from critical to bulk.
    pub admitted: [u32; TIERS],
    /// Requests refused, likewise; in shadow mode, that would have been.
    pub shed: [u32; TIERS],
    /// The same by reason, in the order of `Reason::ALL`.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "as_many_as_there_were"))]
    pub reasons: [u32; REASONS],
    /// Every failure, also those that the window leaves out.
    pub failed: u32,
    /// Failures that said nothing new.
    #[cfg_attr(feature = "serde", serde(default))]
    pub outdated: u32,
    /// Calls that said nothing about the callee's health.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ignored: u32,
    /// Permits dropped without a verdict, in time.
    #[cfg_attr(feature = "serde", serde(default))]
    pub cancelled: u32,
    /// The time that everything that ended in the window had taken, in nanoseconds.
    pub held_ns: u64,
    /// The part of it that no answer came from.
    #[cfg_attr(feature = "serde", serde(default))]
    pub held_in_vain_ns: u64,
    /// What came out.
    pub decided: Decided,
}

impl PulseRecord {
    /// Calls that ended in the window, however they did.
    #[must_use]
    pub fn ended(&self) -> u64 {
        let without_answer = [self.failed, self.outdated, self.ignored, self.cancelled];
        let answered = self.window.succeeded.saturating_add(self.window.late);
        without_answer.into_iter().map(u64::from).fold(answered, u64::saturating_add)
    }

    /// Requests that came, by tier: in shadow mode what would have been refused passed, and is
    /// counted as both.
    #[must_use]
    pub fn offered(&self) -> [u64; TIERS] {
        let refused = |tier: usize| if self.shadow { 0 } else { u64::from(self.shed[tier]) };
        std::array::from_fn(|tier| u64::from(self.admitted[tier]) + refused(tier))
    }

    pub(super) fn of(step: &Tapped<'_>) -> Self {
        let Tapped { fed, counted, signalled, merged, share, by_group, control, model } = *step;
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let mut record = Self {
            at: fed.now,
            idle_ns: nanos(fed.idle),
            dt_ns: nanos(fed.dt),
            before: fed.before.to_vec(),
            during: fed.during.to_vec(),
            window: fed.window,
            signal: signalled,
            merged,
            share,
            by_group,
            shadow: control.is_shadow(),
            by_hand: control.force() != Force::None,
            admitted: counted.admitted,
            failed: counted.failed,
            outdated: counted.outdated,
            ignored: counted.ignored,
            cancelled: counted.cancelled,
            held_ns: counted.held,
            held_in_vain_ns: counted.held_in_vain,
            decided: Decided::by(model, merged, share, by_group, signalled, fed.window.in_flight, fed.now),
            ..Self::default()
        };
        for (reason, by_tier) in counted.shed.iter().enumerate() {
            for (tier, shed) in by_tier.iter().enumerate() {
                record.shed[tier] = record.shed[tier].saturating_add(*shed);
                record.reasons[reason] = record.reasons[reason].saturating_add(*shed);
            }
        }
        record
    }
}

/// What a pulse decided.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Decided {
    /// The mode.
    pub mode: Mode,
    /// The terms of R; saturation with what was in flight and owed at the end of the window.
    pub terms: Terms,
    /// N*, in requests.
    pub target: f64,
    /// D, in requests.
    pub debt: f64,
}

impl Decided {
    /// R.
    #[must_use]
    pub fn resistance(&self) -> Ohms {
        self.terms.resistance()
    }

    /// Every number is the same to the bit, which is more than equal: there are two zeros.
    #[must_use]
    pub fn is_to_the_bit(&self, other: &Self) -> bool {
        self.mode == other.mode && self.bits() == other.bits()
    }

    fn bits(&self) -> [u64; 9] {
        let Terms { base, saturation, momentum, scar, staleness, cluster, signal } = self.terms;
        let ohms = [base, saturation, momentum, scar, staleness, signal].map(Ohms::get);
        let [base, saturation, momentum, scar, staleness, signal] = ohms;
        [base, saturation, momentum, scar, staleness, cluster, signal, self.target, self.debt]
            .map(f64::to_bits)
    }

    pub(super) fn by(
        model: &Model,
        merged: Option<Ohms>,
        share: Option<Share>,
        by_group: bool,
        signalled: Option<Signalled>,
        in_flight: u64,
        now: Mono,
    ) -> Self {
        let alone = model.law(merged, by_group, in_flight, now);
        let law = model.narrowed(alone, share);
        let debt = model.debt();
        let fleet = law.rest.get() - alone.rest.get();
        let saturation = Ohms::saturating(law.saturation(in_flight as f64 + debt).get() + fleet);
        let signal = model.signal(signalled);
        let terms = Terms { saturation, signal, ..model.terms(merged, in_flight, now) };
        Self { mode: model.mode(), terms, target: law.target, debt }
    }
}

/// A recording of a version that knew fewer reasons has none of the others.
#[cfg(feature = "serde")]
fn as_many_as_there_were<'de, D: serde::Deserializer<'de>>(from: D) -> Result<[u32; REASONS], D::Error> {
    let counts = <Vec<u32> as serde::Deserialize>::deserialize(from)?;
    if counts.len() > REASONS {
        return Err(serde::de::Error::invalid_length(counts.len(), &"no more reasons than are known"));
    }
    let mut reasons = [0; REASONS];
    reasons.iter_mut().zip(counts).for_each(|(reason, count)| *reason = count);
    Ok(reasons)
}

#[cfg(feature = "serde")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(feature = "serde")]
fn is_false(value: &bool) -> bool {
    !*value
}
