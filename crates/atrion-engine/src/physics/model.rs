// SPDX-License-Identifier: Apache-2.0
//! The two presets behind one face.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::adaptive::{AdaptiveState, Tick, Window};
use atrion_core::rfc::{PhysicsState, Pressure, update_physics};
use atrion_core::{AdaptiveConfig, Evidence, Law, Mode, Mono, Ohms, Telemetry, Terms, Wall};
use atrion_state::{DecayRate, MomentumRate, PhysicsVector, Restored, Weight};

use super::{Measured, TickCache};
use crate::config::{Physics, RfcPhysics, RouteConfig};

/// The state of whichever preset the route runs under. A route that has never been used has none.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Model {
    Adaptive(Option<Box<AdaptiveState>>),
    Rfc(Box<PhysicsState>),
}

/// A tick of either preset.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnyTick {
    Adaptive(Tick),
    Rfc,
}

impl Model {
    pub(crate) fn new(physics: &Physics, now: Mono) -> Self {
        match physics {
            Physics::Adaptive(_) => Self::Adaptive(None),
            Physics::Rfc(RfcPhysics { law, slo }) => {
                Self::Rfc(Box::new(PhysicsState::cold(law, &slo.baselines(), now)))
            }
        }
    }

    /// What is left of an earlier life of this node.
    pub(crate) fn restored(physics: &Physics, restored: &Restored, now: Mono) -> Self {
        let scar = left(&restored.vector, physics);
        match physics {
            Physics::Adaptive(config) => {
                // An outage that was seen so long ago says nothing about now.
                let mode = if restored.age <= OUTAGE_REMEMBERED { restored.mode } else { Mode::Operational };
                Self::Adaptive(Some(Box::new(AdaptiveState::restored(scar, mode, config))))
            }
            Physics::Rfc(_) => Self::with_scar(physics, scar, now),
        }
    }

    /// A fresh state with a scar, which is all that two presets have in common.
    pub(crate) fn with_scar(physics: &Physics, scar: Ohms, now: Mono) -> Self {
        match physics {
            Physics::Adaptive(config) => {
                let state = AdaptiveState::restored(scar, Mode::Operational, config);
                Self::Adaptive(Some(Box::new(state)))
            }
            Physics::Rfc(RfcPhysics { law, slo }) => {
                let mut state = Box::new(PhysicsState::cold(law, &slo.baselines(), now));
                state.scar = scar;
                state.resistance = Ohms::saturating(state.resistance.get() + scar.get());
                Self::Rfc(state)
            }
        }
    }

    pub(crate) fn tick(
        &self,
        dt: Duration,
        physics: &Physics,
        cache: &mut TickCache,
        route: &Arc<RouteConfig>,
    ) -> AnyTick {
        match physics {
            Physics::Adaptive(config) => AnyTick::Adaptive(cache.of(dt, route, || Tick::new(dt, config))),
            Physics::Rfc(_) => AnyTick::Rfc,
        }
    }

    /// Time in which nothing happened.
    pub(crate) fn idle(&mut self, tick: &AnyTick, now: Mono, config: &RouteConfig) {
        let nothing = Measured::nothing();
        self.step(tick, &nothing, None, now, config);
    }

    pub(crate) fn step(
        &mut self,
        tick: &AnyTick,
        measured: &Measured,
        report: Option<&Telemetry>,
        now: Mono,
        config: &RouteConfig,
    ) {
        match (self, &config.physics, tick) {
            (Self::Adaptive(state), Physics::Adaptive(adaptive), AnyTick::Adaptive(tick)) => {
                let window = Window { report: report.copied(), ..measured.window };
                state.get_or_insert_default().advance(tick, &window, adaptive);
            }
            (Self::Rfc(state), Physics::Rfc(RfcPhysics { law, slo }), _) => {
                let Some(telemetry) = report.copied().or_else(|| measured.telemetry(config.cap)) else {
                    return;
                };
                let baselines = slo.baselines();
                // Refused numbers were stopped at the border; a window's own are finite.
                if let Ok(pressure) = Pressure::of(telemetry, &baselines, law.tanh_scale) {
                    **state = update_physics(state, pressure, &slo.weights(), law, now);
                }
            }
            // A model always fits its configuration: `reconfigure` sees to it.
            _ => {}
        }
    }

    pub(crate) fn opened_dead(&mut self, physics: &Physics) {
        if let (Self::Adaptive(state), Physics::Adaptive(config)) = (self, physics) {
            let state = state.get_or_insert_default();
            **state = state.opened_dead(config);
        }
    }

    pub(crate) fn closed(&mut self, physics: &Physics) {
        if let (Self::Adaptive(state), Physics::Adaptive(_)) = (self, physics) {
            let state = state.get_or_insert_default();
            **state = state.closed();
        }
    }

    pub(crate) fn fits(&self, physics: &Physics) -> bool {
        matches!((self, physics), (Self::Adaptive(_), Physics::Adaptive(_)) | (Self::Rfc(_), Physics::Rfc(_)))
    }

    /// Nothing has been measured yet.
    pub(crate) fn is_fresh(&self) -> bool {
        match self {
            Self::Adaptive(state) => {
                state.as_ref().is_none_or(|state| state.throughput() <= 0.0 && state.is_neutral())
            }
            Self::Rfc(state) => state.ticks == 0,
        }
    }

    pub(crate) fn is_neutral(&self) -> bool {
        match self {
            Self::Adaptive(state) => state.as_ref().is_none_or(|state| state.is_neutral()),
            Self::Rfc(state) => state.mode != Mode::CircuitBreaker && state.scar.get() < 0.01,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Adaptive(state) => state.as_ref().map_or(Mode::Bootstrap, |state| state.mode()),
            Self::Rfc(state) => state.mode,
        }
    }

    pub(crate) fn scar(&self) -> Ohms {
        match self {
            Self::Adaptive(state) => state.as_ref().map_or(Ohms::ZERO, |state| state.scar()),
            Self::Rfc(state) => state.scar,
        }
    }

    /// Own evidence, after a further time in which nothing happened. The literal law does not measure it: it then counts
    /// in full, as that of every peer that runs it does.
    pub(crate) fn evidence_after(&self, idle: Duration) -> Evidence {
        match self {
            Self::Adaptive(state) => {
                let weight = state.as_ref().map_or(0.0, |state| state.evidence_after(idle));
                Evidence::saturating(weight)
            }
            Self::Rfc(_) => Evidence::FULL,
        }
    }

    pub(crate) fn debt(&self) -> f64 {
        match self {
            Self::Adaptive(state) => state.as_ref().map_or(0.0, |state| state.debt()),
            Self::Rfc(_) => 0.0,
        }
    }

    pub(crate) fn debt_gain(&self, physics: &Physics) -> f64 {
        match (self, physics) {
            (Self::Adaptive(Some(state)), Physics::Adaptive(config)) => state.debt_gain(config),
            _ => 0.0,
        }
    }

    pub(crate) fn target(&self) -> f64 {
        match self {
            Self::Adaptive(state) => state.as_ref().map_or(0.0, |state| state.target()),
            Self::Rfc(_) => f64::from(u32::MAX),
        }
    }

    /// The adaptive preset's state, if that is what runs.
    pub(crate) fn adaptive(&self) -> Option<&AdaptiveState> {
        match self {
            Self::Adaptive(state) => state.as_deref(),
            Self::Rfc(_) => None,
        }
    }

    pub(crate) fn law(&self, physics: &Physics, merged: Option<Ohms>, in_flight: u64, now: Mono) -> Law {
        match (self, physics) {
            (Self::Adaptive(state), Physics::Adaptive(config)) => match state {
                Some(state) => state.law(merged, config),
                None => AdaptiveState::default().law(merged, config),
            },
            (Self::Rfc(state), Physics::Rfc(rfc)) => state.law(merged, &rfc.law, seen(state, in_flight, now)),
            _ => AdaptiveState::default().law(None, &AdaptiveConfig::default()),
        }
    }

    pub(crate) fn terms(&self, physics: &Physics, merged: Option<Ohms>, in_flight: u64, now: Mono) -> Terms {
        match (self, physics) {
            (Self::Adaptive(state), Physics::Adaptive(config)) => match state {
                Some(state) => state.terms(merged, config),
                None => AdaptiveState::default().terms(merged, config),
            },
            (Self::Rfc(state), Physics::Rfc(rfc)) => {
                state.terms(merged, &rfc.law, seen(state, in_flight, now))
            }
            _ => Terms::default(),
        }
    }

    pub(crate) fn resistance_at_rest(&self, physics: &Physics, now: Mono) -> Ohms {
        Ohms::saturating(self.terms(physics, None, 0, now).resistance().get())
    }

    /// The node's own vector: never anything merged.
    pub(crate) fn vector(&self, physics: &Physics, wall: Wall, now: Mono) -> PhysicsVector {
        let resistance = self.resistance_at_rest(physics, now);
        let (momentum, weight, decay) = match (self, physics) {
            (Self::Adaptive(Some(state)), Physics::Adaptive(config)) => {
                (state.momentum(), state.evidence(), state.scar_decay(config))
            }
            (Self::Rfc(state), Physics::Rfc(_)) => (state.momentum, 1.0, physics.scar_decay()),
            _ => (0.0, 0.0, physics.scar_decay()),
        };
        PhysicsVector::new(self.mode(), resistance, self.scar())
            .with_momentum(MomentumRate::saturating(momentum))
            .with_weight(Weight::from_share(weight))
            .with_decay_rate(DecayRate::saturating(decay))
            .with_timestamp(wall)
    }
}

/// Silence counts as staleness only while an answer is owed: a route that nobody calls is not stale.
fn seen(state: &PhysicsState, in_flight: u64, now: Mono) -> Mono {
    if in_flight == 0 { state.last_update } else { now }
}

/// What is left of a scar of an earlier life. One that was held then has been fading since it was last seen so.
fn left(vector: &PhysicsVector, physics: &Physics) -> Ohms {
    let held = vector.decay_rate == DecayRate::ZERO;
    if held {
        vector.with_decay_rate(DecayRate::saturating(physics.scar_decay())).aged_scar()
    } else {
        vector.aged_scar()
    }
}

/// An open breaker is restored as open if the store was told of it less than five minutes ago. It is told twice a minute.
const OUTAGE_REMEMBERED: Duration = Duration::from_secs(300);
