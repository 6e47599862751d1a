// SPDX-License-Identifier: Apache-2.0
//! The two presets as one value: the state of a route's physics together with the rules that move
//! it.
//!
//! COMPUTE is [`Model::compute`], a function of the state before it and of [`Fed`]. It reads no
//! clock, no counter and no store, so a recording repeats it to the bit.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::adaptive::{AdaptiveState, Window};
use atrion_core::rfc::{PhysicsState, Pressure, update_physics};
use atrion_core::{AdaptiveConfig, Mode, Mono, Ohms};
use atrion_state::Restored;

use super::measure::telemetry;
use super::preset::{Preset, Rules};
use super::tick::TickCache;
use super::turn::Turn;
use crate::config::RfcPhysics;

mod read;
mod vector;

use vector::left;

/// State and rules of whichever preset the route runs under.
#[derive(Debug)]
pub(crate) enum Model {
    Adaptive {
        rules: Arc<Rules<AdaptiveConfig>>,
        /// A route that has never been used has none: it stands for the default one.
        state: Option<Box<AdaptiveState>>,
    },
    Rfc {
        rules: Arc<Rules<RfcPhysics>>,
        state: Box<PhysicsState>,
    },
}

/// What one COMPUTE is fed. The state after it depends on this and on the state before it alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fed<'a> {
    pub(crate) now: Mono,
    /// Time before the window in which the route is known to have been idle.
    pub(crate) idle: Duration,
    /// The length of the window.
    pub(crate) dt: Duration,
    /// What the request path had done to the breaker before the window was read.
    pub(crate) before: &'a [Turn],
    /// What it did while the window was read.
    pub(crate) during: &'a [Turn],
    /// With the caller's own report, if there is one.
    pub(crate) window: Window,
}

impl Model {
    pub(crate) fn new(preset: Preset, now: Mono) -> Self {
        match preset {
            Preset::Adaptive(rules) => Self::Adaptive { rules, state: None },
            Preset::Rfc(rules) => Self::cold(rules, now),
        }
    }

    /// What is left of an earlier life of this node.
    pub(crate) fn restored(preset: Preset, restored: &Restored, now: Mono) -> Self {
        match preset {
            Preset::Adaptive(rules) => {
                let scar = left(&restored.vector, rules.physics.scar_decay);
                // An outage that was seen longer ago says nothing about now.
                let mode = if restored.age <= OUTAGE_REMEMBERED { restored.mode } else { Mode::Operational };
                let state = AdaptiveState::restored(scar, mode, &rules.physics);
                Self::Adaptive { state: Some(Box::new(state)), rules }
            }
            Preset::Rfc(rules) => {
                let scar = left(&restored.vector, rules.physics.law.decay_rate);
                Self::with_scar(Preset::Rfc(rules), scar, now)
            }
        }
    }

    /// A fresh state with a scar, which is all that two presets have in common.
    pub(crate) fn with_scar(preset: Preset, scar: Ohms, now: Mono) -> Self {
        match preset {
            Preset::Adaptive(rules) => {
                let state = AdaptiveState::restored(scar, Mode::Operational, &rules.physics);
                Self::Adaptive { state: Some(Box::new(state)), rules }
            }
            Preset::Rfc(rules) => {
                let mut state = cold(&rules.physics, now);
                state.scar = scar;
                state.resistance = Ohms::saturating(state.resistance.get() + scar.get());
                Self::Rfc { state: Box::new(state), rules }
            }
        }
    }

    fn cold(rules: Arc<Rules<RfcPhysics>>, now: Mono) -> Self {
        Self::Rfc { state: Box::new(cold(&rules.physics, now)), rules }
    }

    /// New rules for the state there is. False: they are of another preset, which takes over the
    /// scar alone.
    pub(crate) fn reconfigure(&mut self, preset: Preset, now: Mono) -> bool {
        match (self, preset) {
            (Self::Adaptive { rules, .. }, Preset::Adaptive(new)) => {
                *rules = new;
                true
            }
            (Self::Rfc { rules, .. }, Preset::Rfc(new)) => {
                *rules = new;
                true
            }
            (other, preset) => {
                *other = Self::with_scar(preset, other.scar(), now);
                false
            }
        }
    }

    /// COMPUTE.
    pub(crate) fn compute(&mut self, fed: &Fed<'_>, ticks: &mut TickCache) {
        self.follow(fed.before);
        if !fed.idle.is_zero() {
            // After a quiet time the model first ages over it, so that the window is as long as any
            // other.
            self.step(fed.idle, &Window::default(), fed.now, ticks);
        }
        self.follow(fed.during);
        self.step(fed.dt, &fed.window, fed.now, ticks);
    }

    fn step(&mut self, dt: Duration, window: &Window, now: Mono, ticks: &mut TickCache) {
        match self {
            Self::Adaptive { rules, state } => {
                let tick = ticks.of(dt, rules);
                state.get_or_insert_default().advance(&tick, window, &rules.physics);
            }
            Self::Rfc { rules, state } => {
                let RfcPhysics { law, slo } = &rules.physics;
                let Some(telemetry) = window.report.or_else(|| telemetry(window, rules.rest.cap)) else {
                    return;
                };
                // Refused numbers were stopped at the border; a window's own are finite.
                if let Ok(pressure) = Pressure::of(telemetry, &slo.baselines(), law.tanh_scale) {
                    **state = update_physics(state, pressure, &slo.weights(), law, now);
                }
            }
        }
    }

    /// Follows what the request path has done to the breaker, in order. The literal law has no part
    /// in it: its breaker moves by telemetry alone.
    pub(crate) fn follow(&mut self, turns: &[Turn]) {
        match self {
            Self::Adaptive { rules, state } => {
                for turn in turns {
                    let state = state.get_or_insert_default();
                    **state = match turn {
                        Turn::Closed => state.closed(),
                        Turn::Opened => state.opened_dead(&rules.physics),
                    };
                }
            }
            Self::Rfc { .. } => {}
        }
    }
}

fn cold(RfcPhysics { law, slo }: &RfcPhysics, now: Mono) -> PhysicsState {
    PhysicsState::cold(law, &slo.baselines(), now)
}

/// An open breaker is restored as open if the store was told of it less than five minutes ago. It
/// is told twice a minute.
const OUTAGE_REMEMBERED: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_rules_take_three_words_of_an_idle_route() {
        assert_eq!(size_of::<Model>(), 3 * size_of::<usize>());
    }
}
