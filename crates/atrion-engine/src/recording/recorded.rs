// SPDX-License-Identifier: Apache-2.0
//! A recording as a whole: stretches without a gap, each with a state to start from.

use std::time::Duration;

use atrion_core::adaptive::AdaptiveState;
use atrion_core::rfc::PhysicsState;
use atrion_core::{Mono, Ohms, Wall};

use super::pulse::PulseRecord;
#[cfg(feature = "recording")]
use crate::config::Physics;
use crate::config::RouteConfig;
use crate::physics::{Model, Preset};

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
    /// As it stands in the file: [`Escaped`](atrion_state::Escaped) shows it to people.
    pub unknown: Vec<String>,
    /// How it ended; `None` if it was cut off.
    pub end: Option<String>,
}

impl Recorded {
    /// Every pulse, in order.
    pub fn pulses(&self) -> impl DoubleEndedIterator<Item = &PulseRecord> {
        self.parts.iter().flat_map(|part| &part.pulses)
    }

    /// The configuration that was in force at its beginning.
    #[must_use]
    pub fn config(&self) -> Option<&RouteConfig> {
        self.parts.first().map(|part| &part.start.config)
    }

    /// Without what is longer ago than `span` before its last pulse. It is forgotten by parts, so a
    /// little more may stay.
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
    pub pulses: Vec<PulseRecord>,
}

/// What the pulses after it start from. A recording has another one after each break: a new
/// configuration, a reset, a warm start, pulses that were lost.
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

impl Start {
    pub(super) fn of(model: &Model, at: Mono) -> Self {
        Self { at, config: model.config(), state: RouteState::of(model), lost: 0 }
    }

    /// The model that goes on from here. A state of another preset than the configuration hands
    /// over its scar alone, as in a running instance.
    pub(super) fn resume(&self) -> Model {
        match (&self.state.0, Preset::of(&self.config)) {
            (State::Adaptive(state), Preset::Adaptive(rules)) => {
                Model::Adaptive { rules, state: state.clone() }
            }
            (State::Rfc(state), Preset::Rfc(rules)) => Model::Rfc { rules, state: state.clone() },
            (State::Adaptive(state), preset @ Preset::Rfc(_)) => {
                let scar = state.as_ref().map_or(Ohms::ZERO, |state| state.scar());
                Model::with_scar(preset, scar, self.at)
            }
            (State::Rfc(state), preset @ Preset::Adaptive(_)) => {
                Model::with_scar(preset, state.scar, self.at)
            }
        }
    }
}

/// What a route knows between two pulses. Opaque: the names inside are the core's own and change
/// with it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct RouteState(State);

/// The state of either preset, as it is written.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
enum State {
    Adaptive(Option<Box<AdaptiveState>>),
    Rfc(Box<PhysicsState>),
}

impl RouteState {
    fn of(model: &Model) -> Self {
        Self(match model {
            Model::Adaptive { state, .. } => State::Adaptive(state.clone()),
            Model::Rfc { state, .. } => State::Rfc(state.clone()),
        })
    }

    /// It is of the preset of this configuration.
    #[cfg(feature = "recording")]
    pub(super) fn is_of(&self, physics: &Physics) -> bool {
        match physics {
            Physics::Adaptive(_) => matches!(self.0, State::Adaptive(_)),
            Physics::Rfc(_) => matches!(self.0, State::Rfc(_)),
        }
    }
}
