// SPDX-License-Identifier: Apache-2.0
//! A route's configuration as its physics holds it: one value for each preset, shared by all routes
//! of one entry, so that ten thousand routes do not hold ten thousand copies.

use std::sync::Arc;

use atrion_core::adaptive::DeadRule;
use atrion_core::{AdaptiveConfig, Law, Ohms, Spread};

use crate::config::{Physics, RfcPhysics, RouteConfig};
use crate::live::Settings;

/// A [`RouteConfig`] whose preset is known by its type.
#[derive(Debug)]
pub(crate) struct Rules<P> {
    pub(crate) physics: P,
    pub(crate) cap: Option<u32>,
    shadow: bool,
    spread: Spread,
}

/// The rules of a route, of either preset.
#[derive(Debug, Clone)]
pub(crate) enum Preset {
    Adaptive(Arc<Rules<AdaptiveConfig>>),
    Rfc(Arc<Rules<RfcPhysics>>),
}

impl Preset {
    pub(crate) fn of(config: &RouteConfig) -> Self {
        // The group is no rule of the route's physics: see `Routes::assign`.
        let RouteConfig { physics, cap, shadow, spread, group: _ } = config;
        let (cap, shadow, spread) = (*cap, *shadow, *spread);
        match physics {
            Physics::Adaptive(physics) => {
                Self::Adaptive(Arc::new(Rules { physics: physics.clone(), cap, shadow, spread }))
            }
            Physics::Rfc(physics) => {
                Self::Rfc(Arc::new(Rules { physics: physics.clone(), cap, shadow, spread }))
            }
        }
    }
}

impl<P> Rules<P> {
    fn config(&self, physics: Physics) -> RouteConfig {
        RouteConfig { physics, cap: self.cap, shadow: self.shadow, spread: self.spread, group: None }
    }
}

impl Rules<AdaptiveConfig> {
    pub(crate) fn to_config(&self) -> RouteConfig {
        self.config(Physics::Adaptive(self.physics.clone()))
    }

    /// `S_max`: what a scar can grow to by failures (`manual/physics.md` section 5).
    pub(crate) fn scar_ceiling(&self) -> Ohms {
        Ohms::saturating(self.physics.scar_ceiling)
    }

    pub(crate) fn settings(&self) -> Settings {
        let config = &self.physics;
        let broken = Law {
            rest: Ohms::saturating(config.break_at),
            weight: Ohms::saturating(config.weight),
            gain: config.gain,
            target: 1.0,
        };
        Settings {
            slo: config.slo,
            scar_decay: config.scar_decay,
            cap: self.cap,
            dead: DeadRule::of(config),
            successes_to_close: config.successes_to_close,
            broken: broken.compile(),
            shadow: self.shadow,
            spread: self.spread,
        }
    }
}

impl Rules<RfcPhysics> {
    pub(crate) fn to_config(&self) -> RouteConfig {
        self.config(Physics::Rfc(self.physics.clone()))
    }

    /// `S_max`: what a scar can grow to by failures (`manual/physics.md` section 5).
    pub(crate) fn scar_ceiling(&self) -> Ohms {
        let law = &self.physics.law;
        Ohms::saturating(law.base_resistance * law.break_multiplier)
    }

    /// The literal law knows neither lateness nor a dead rule. Its breaker opens and closes by
    /// telemetry alone, which publishes a gate at once.
    pub(crate) fn settings(&self) -> Settings {
        let law = &self.physics.law;
        let rest = Ohms::saturating(law.base_resistance);
        let broken = Law { rest, weight: Ohms::ZERO, gain: 1.0, target: 1.0 };
        Settings {
            slo: None,
            scar_decay: law.decay_rate,
            cap: self.cap,
            dead: DeadRule::OFF,
            successes_to_close: u32::MAX,
            broken: broken.compile(),
            shadow: self.shadow,
            spread: self.spread,
        }
    }
}
