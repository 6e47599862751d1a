// SPDX-License-Identifier: Apache-2.0
//! A route's configuration as its physics holds it: one value for each preset, shared by all routes
//! of one entry, so that ten thousand routes do not hold ten thousand copies.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::adaptive::DeadRule;
use atrion_core::{AdaptiveConfig, Law, Ohms, Spread};

use crate::config::{Hold, Physics, RfcPhysics, RouteConfig};
use crate::live::Settings;

/// A [`RouteConfig`] whose preset is known by its type.
#[derive(Debug)]
pub(crate) struct Rules<P> {
    pub(crate) physics: P,
    pub(crate) rest: Rest,
}

/// What does not depend on the preset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    pub(crate) cap: Option<u32>,
    shadow: bool,
    spread: Spread,
    hold: Option<Hold>,
    heartbeat: Option<Duration>,
    grace: Option<Duration>,
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
        let RouteConfig { ref physics, cap, shadow, spread, group: _, hold, heartbeat, grace } = *config;
        let rest = Rest { cap, shadow, spread, hold, heartbeat, grace };
        match physics {
            Physics::Adaptive(physics) => Self::Adaptive(Arc::new(Rules { physics: physics.clone(), rest })),
            Physics::Rfc(physics) => Self::Rfc(Arc::new(Rules { physics: physics.clone(), rest })),
        }
    }

    /// How long a request counts as in flight.
    pub(crate) fn hold(&self) -> Option<Hold> {
        match self {
            Self::Adaptive(rules) => rules.rest.hold,
            Self::Rfc(rules) => rules.rest.hold,
        }
    }
}

impl<P> Rules<P> {
    fn config(&self, physics: Physics) -> RouteConfig {
        let Rest { cap, shadow, spread, hold, heartbeat, grace } = self.rest;
        RouteConfig { physics, cap, shadow, spread, group: None, hold, heartbeat, grace }
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
            cap: self.rest.cap,
            dead: DeadRule::of(config),
            successes_to_close: config.successes_to_close,
            broken: broken.compile(),
            shadow: self.rest.shadow,
            spread: self.rest.spread,
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
            cap: self.rest.cap,
            dead: DeadRule::OFF,
            successes_to_close: u32::MAX,
            broken: broken.compile(),
            shadow: self.rest.shadow,
            spread: self.rest.spread,
        }
    }
}
