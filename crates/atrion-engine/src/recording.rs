// SPDX-License-Identifier: Apache-2.0
//! What a route measured and decided, pulse by pulse: enough to take every decision of its physics again.
//!
//! A [`Pulse`] is what one COMPUTE was fed and what came out; a [`Start`] is the configuration and the state from which
//! the pulses after it go on. [`Retrace`] runs them through the model that runs in production: with the configuration of
//! the recording it comes to the same resistances, to the bit. The simulation of `atrion-sim` says from a recording what
//! another configuration would have shed.
//!
//! Recording happens in the pulse, on the slow side of a route: a request knows nothing of it, and a route that nobody
//! records pays one look at an empty list in a pulse. What is *not* in a recording: single requests, names of callers,
//! anything that a client sent.

use std::time::Duration;

use atrion_core::adaptive::Window;
use atrion_core::{Mode, Mono, Ohms, Terms, Wall};

use crate::config::{Physics, RouteConfig};
use crate::live::{REASONS, Reading, TIERS};
use crate::physics::Model;

mod tap;
pub(crate) use tap::{Tap, Taps};

mod retrace;
pub use retrace::Retrace;

mod kept;
pub use kept::Kept;

#[cfg(feature = "recording")]
mod file;
#[cfg(feature = "recording")]
pub use file::{RecordError, Recorder, Recording, Written};

#[cfg(feature = "recording")]
mod lines;

#[cfg(feature = "recording")]
mod read;
#[cfg(feature = "recording")]
pub use read::{RecordedError, RecordedLimits};

/// A recording as a whole.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// The route's name.
    pub route: String,
    /// The version of the engine that wrote it.
    pub engine: String,
    /// From one pulse to the next, as configured.
    pub interval: Duration,
    /// When it began.
    pub started: Wall,
    /// Stretches without a gap, in order.
    pub parts: Vec<Part>,
    /// What this version does not know of the recording's configuration, by path; it was left out.
    pub unknown: Vec<String>,
    /// How it ended; `None` if it was cut off.
    pub end: Option<String>,
}

impl Recorded {
    /// Every pulse, in order.
    pub fn pulses(&self) -> impl DoubleEndedIterator<Item = &Pulse> {
        self.parts.iter().flat_map(|part| &part.pulses)
    }

    /// The configuration that was in force at its beginning.
    #[must_use]
    pub fn config(&self) -> Option<&RouteConfig> {
        self.parts.first().map(|part| &part.start.config)
    }

    /// Without what is longer ago than `span` before its last pulse. It is forgotten by parts, so a little more may stay.
    #[must_use]
    pub fn latest(mut self, span: Duration) -> Self {
        let Some((first, last)) = self.pulses().next().zip(self.pulses().last()).map(|(a, b)| (a.at, b.at))
        else {
            return self;
        };
        let is_recent = |part: &Part| part.pulses.last().is_some_and(|pulse| last.since(pulse.at) <= span);
        self.parts.retain(is_recent);
        let skipped = self.pulses().next().map_or(Duration::ZERO, |pulse| pulse.at.since(first));
        let skipped = u64::try_from(skipped.as_millis()).unwrap_or(u64::MAX);
        self.started = Wall::from_millis(self.started.as_millis().saturating_add(skipped));
        self
    }

    /// Pulses that found no place in the writer's queue and are missing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.parts.iter().map(|part| part.start.lost).fold(0, u64::saturating_add)
    }
}

/// A stretch without a gap.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Part {
    /// Where it goes on from.
    pub start: Start,
    /// Its pulses, in order.
    pub pulses: Vec<Pulse>,
}

/// What the pulses after it start from. A recording has another one after each break: a new configuration, a reset, a
/// warm start, pulses that were lost.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Start {
    /// When, by the instance's clock.
    #[cfg_attr(feature = "serde", serde(rename = "at_ns"))]
    pub at: Mono,
    /// The configuration of the route.
    pub config: RouteConfig,
    /// What the route knew.
    pub state: RouteState,
    /// Pulses that were lost right before it.
    pub lost: u64,
}

/// What a route knows between two pulses. Opaque: the names inside are the core's own and change with it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct RouteState(pub(crate) Model);

/// Something that the request path has done to the breaker without waiting for a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[allow(clippy::exhaustive_enums)] // a closed set: whoever matches names them all
pub enum Turn {
    /// A probe has closed it.
    Closed,
    /// A run of failures has opened it.
    Opened,
}

/// One COMPUTE: what it was fed, what was counted meanwhile, and what it decided.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Pulse {
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
    /// Saturation that a caller had reported and that still held.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub reported: Option<f64>,
    /// The merged scar that stood in the gate in place of the own one, in a fleet.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub merged: Option<Ohms>,
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

impl Pulse {
    /// Calls that ended in the window, however they did.
    #[must_use]
    pub fn ended(&self) -> u64 {
        let without_answer = [self.failed, self.outdated, self.ignored, self.cancelled];
        let answered = self.window.succeeded.saturating_add(self.window.late);
        without_answer.into_iter().map(u64::from).fold(answered, u64::saturating_add)
    }

    /// Requests that came, by tier: in shadow mode what would have been refused passed, and is counted as both.
    #[must_use]
    pub fn offered(&self) -> [u64; TIERS] {
        let refused = |tier: usize| if self.shadow { 0 } else { u64::from(self.shed[tier]) };
        std::array::from_fn(|tier| u64::from(self.admitted[tier]) + refused(tier))
    }

    pub(crate) fn count(&mut self, counted: &Reading) {
        self.admitted = counted.admitted;
        for (reason, by_tier) in counted.shed.iter().enumerate() {
            for (tier, shed) in by_tier.iter().enumerate() {
                self.shed[tier] = self.shed[tier].saturating_add(*shed);
                self.reasons[reason] = self.reasons[reason].saturating_add(*shed);
            }
        }
        (self.failed, self.outdated) = (counted.failed, counted.outdated);
        (self.ignored, self.cancelled) = (counted.ignored, counted.cancelled);
        (self.held_ns, self.held_in_vain_ns) = (counted.held, counted.held_in_vain);
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
    /// D, in slots.
    pub debt: f64,
}

impl Decided {
    /// R, in ohms.
    #[must_use]
    pub fn resistance(&self) -> f64 {
        self.terms.resistance().get()
    }

    /// Every number is the same to the bit, which is more than equal: there are two zeros.
    #[must_use]
    pub fn is_to_the_bit(&self, other: &Self) -> bool {
        self.mode == other.mode && self.bits() == other.bits()
    }

    fn bits(&self) -> [u64; 8] {
        let Terms { base, saturation, momentum, scar, staleness, cluster } = self.terms;
        let ohms = [base, saturation, momentum, scar, staleness].map(Ohms::get);
        let [base, saturation, momentum, scar, staleness] = ohms;
        [base, saturation, momentum, scar, staleness, cluster, self.target, self.debt].map(f64::to_bits)
    }

    pub(crate) fn by(
        model: &Model,
        physics: &Physics,
        merged: Option<Ohms>,
        reported: Option<f64>,
        in_flight: u64,
        now: Mono,
    ) -> Self {
        let law = model.law(physics, merged, in_flight, now);
        let debt = model.debt();
        let crowd = law.saturation(in_flight as f64 + debt).get();
        let told = reported.map_or(0.0, |saturation| law.saturation(saturation * law.target).get());
        let terms = model.terms(physics, merged, in_flight, now);
        let terms = Terms { saturation: Ohms::saturating(crowd + told), ..terms };
        Self { mode: model.mode(), terms, target: law.target, debt }
    }
}

#[cfg(feature = "serde")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(feature = "serde")]
fn is_false(value: &bool) -> bool {
    !*value
}
