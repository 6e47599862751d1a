// SPDX-License-Identifier: Apache-2.0
//! What is read from a model between two ticks. Nothing here changes it.

use std::time::Duration;

use atrion_core::adaptive::{AdaptiveState, Expected};
use atrion_core::rfc::PhysicsState;
use atrion_core::{AdaptiveConfig, Evidence, Law, Mode, Mono, Ohms, Share, Terms};

use super::Model;
use crate::config::RouteConfig;
use crate::live::{Settings, TIERS};
use crate::physics::preset::Preset;
use crate::signal::Signalled;

impl Model {
    /// The rules alone.
    pub(crate) fn preset(&self) -> Preset {
        match self {
            Self::Adaptive { rules, .. } => Preset::Adaptive(rules.clone()),
            Self::Rfc { rules, .. } => Preset::Rfc(rules.clone()),
        }
    }

    /// The rules as the user has set them.
    pub(crate) fn config(&self) -> RouteConfig {
        match self {
            Self::Adaptive { rules, .. } => rules.to_config(),
            Self::Rfc { rules, .. } => rules.to_config(),
        }
    }

    /// What the rules say to the live side.
    pub(crate) fn settings(&self) -> Settings {
        match self {
            Self::Adaptive { rules, .. } => rules.settings(),
            Self::Rfc { rules, .. } => rules.settings(),
        }
    }

    /// The most that the scar can grow to by failures.
    pub(crate) fn scar_ceiling(&self) -> Ohms {
        match self {
            Self::Adaptive { rules, .. } => rules.scar_ceiling(),
            Self::Rfc { rules, .. } => rules.scar_ceiling(),
        }
    }

    /// The grain, in units. The literal law knows none.
    pub(crate) fn grain(&self) -> f64 {
        self.adaptive().map_or(1.0, AdaptiveState::grain)
    }

    /// How far latency goes with cost.
    pub(crate) fn cost_share(&self) -> f64 {
        self.adaptive().map_or(0.0, AdaptiveState::cost_share)
    }

    /// How long answers will take. The literal law has no idea of it.
    pub(crate) fn expected(&self) -> Expected {
        match self {
            Self::Adaptive { state: Some(state), .. } => state.expected(),
            Self::Adaptive { state: None, .. } | Self::Rfc { .. } => Expected::default(),
        }
    }

    /// How long a call counts as the service's usual work, by what is known and by the `mean`
    /// latency of a window, in seconds. `None`: nothing is known.
    pub(crate) fn patience(&self, mean: Option<f64>) -> Option<Duration> {
        match self {
            Self::Adaptive { state, .. } => {
                let unused = AdaptiveState::default();
                let patience = state.as_deref().unwrap_or(&unused).patience(mean)?;
                Some(Duration::try_from_secs_f64(patience).unwrap_or(Duration::MAX))
            }
            Self::Rfc { .. } => None,
        }
    }

    /// Nothing has been measured yet.
    pub(crate) fn is_fresh(&self) -> bool {
        match self {
            Self::Adaptive { state, .. } => {
                state.as_ref().is_none_or(|state| state.throughput() <= 0.0 && state.is_neutral())
            }
            Self::Rfc { state, .. } => state.ticks == 0,
        }
    }

    /// Nothing is left that a fresh route would not have.
    pub(crate) fn is_neutral(&self) -> bool {
        match self {
            Self::Adaptive { state, .. } => state.as_ref().is_none_or(|state| state.is_neutral()),
            Self::Rfc { state, .. } => state.mode != Mode::CircuitBreaker && state.scar.get() < 0.01,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Adaptive { state, .. } => state.as_ref().map_or(Mode::Bootstrap, |state| state.mode()),
            Self::Rfc { state, .. } => state.mode,
        }
    }

    pub(crate) fn scar(&self) -> Ohms {
        match self {
            Self::Adaptive { state, .. } => state.as_ref().map_or(Ohms::ZERO, |state| state.scar()),
            Self::Rfc { state, .. } => state.scar,
        }
    }

    /// Own evidence, after a further time in which nothing happened. The literal law does not
    /// measure it: there it counts in full, as that of every peer that runs it does.
    pub(crate) fn evidence_after(&self, idle: Duration) -> Evidence {
        match self {
            Self::Adaptive { state, .. } => {
                state.as_ref().map_or(Evidence::NONE, |state| state.evidence_after(idle))
            }
            Self::Rfc { .. } => Evidence::FULL,
        }
    }

    /// D, in requests. The literal law has none.
    pub(crate) fn debt(&self) -> f64 {
        match self {
            Self::Adaptive { state, .. } => state.as_ref().map_or(0.0, |state| state.debt()),
            Self::Rfc { .. } => 0.0,
        }
    }

    /// How many of the calls in flight a request is not charged with, by its tier.
    pub(crate) fn uncharged(&self) -> [u32; TIERS] {
        match self {
            Self::Adaptive { state: Some(state), .. } => state.uncharged(),
            Self::Adaptive { state: None, .. } | Self::Rfc { .. } => [0; TIERS],
        }
    }

    /// Failures in a row that chance explains. The literal law has no use for it.
    pub(crate) fn failures_by_chance(&self) -> u32 {
        self.adaptive().map_or(0, AdaptiveState::failures_by_chance)
    }

    /// The calls in flight are to be counted by tier.
    pub(crate) fn is_charging(&self) -> bool {
        matches!(self, Self::Adaptive { state: Some(state), .. } if state.is_charging())
    }

    /// What stands takes no capacity from the rest.
    pub(crate) fn is_well(&self) -> bool {
        matches!(self, Self::Adaptive { state: Some(state), .. } if state.is_well())
    }

    /// How much debt one failure makes now, in requests. A route that has never been used makes
    /// none.
    pub(crate) fn debt_gain(&self) -> f64 {
        match self {
            Self::Adaptive { rules, state } => {
                state.as_ref().map_or(0.0, |state| state.debt_gain(&rules.physics))
            }
            Self::Rfc { .. } => 0.0,
        }
    }

    /// N*, in requests. The literal law has none.
    pub(crate) fn target(&self) -> f64 {
        match self {
            Self::Adaptive { state, .. } => state.as_ref().map_or(0.0, |state| state.target()),
            Self::Rfc { .. } => f64::from(u32::MAX),
        }
    }

    /// The rules of the laws that run on the fleet's sums, where the route's callee is one for all
    /// nodes.
    pub(crate) fn of_one_callee(&self) -> Option<&AdaptiveConfig> {
        match self {
            Self::Adaptive { rules, .. } => Some(&rules.physics).filter(|physics| physics.one_callee),
            Self::Rfc { .. } => None,
        }
    }

    /// The law as the fleet leaves it; to the bit the own one where it has no say.
    pub(crate) fn narrowed(&self, law: Law, share: Option<Share>) -> Law {
        match (share, self.of_one_callee()) {
            (Some(share), Some(physics)) => share.narrow(law, physics.gain, self.debt()),
            _ => law,
        }
    }

    /// The adaptive preset's state, if that is what runs.
    pub(crate) fn adaptive(&self) -> Option<&AdaptiveState> {
        match self {
            Self::Adaptive { state, .. } => state.as_deref(),
            Self::Rfc { .. } => None,
        }
    }

    /// The law of the gate, with `merged` in place of the own scar where a fleet shares scars, and
    /// without the crowd where that is the affair of the route's group.
    pub(crate) fn law(&self, merged: Option<Ohms>, by_group: bool, in_flight: u64, now: Mono) -> Law {
        let law = self.law_alone(merged, in_flight, now);
        if by_group { Law { weight: Ohms::ZERO, ..law } } else { law }
    }

    fn law_alone(&self, merged: Option<Ohms>, in_flight: u64, now: Mono) -> Law {
        match self {
            Self::Adaptive { rules, state } => match state {
                Some(state) => state.law(merged, &rules.physics),
                None => AdaptiveState::default().law(merged, &rules.physics),
            },
            Self::Rfc { rules, state } => state.law(merged, &rules.physics.law, seen(state, in_flight, now)),
        }
    }

    /// What a signal adds: a part of what a crowd can add at the most. The literal law knows no
    /// crowd; there it is a part of what opens the breaker.
    pub(crate) fn signal(&self, signalled: Option<Signalled>) -> Ohms {
        let most = match self {
            Self::Adaptive { rules, .. } => rules.physics.weight,
            Self::Rfc { rules, .. } => {
                let law = &rules.physics.law;
                law.base_resistance * (law.break_multiplier - 1.0)
            }
        };
        signalled.map_or(Ohms::ZERO, |signalled| Ohms::saturating(most * signalled.pressure))
    }

    /// Every term of R but the crowd's and the signals'.
    pub(crate) fn terms(&self, merged: Option<Ohms>, in_flight: u64, now: Mono) -> Terms {
        match self {
            Self::Adaptive { rules, state } => match state {
                Some(state) => state.terms(merged, &rules.physics),
                None => AdaptiveState::default().terms(merged, &rules.physics),
            },
            Self::Rfc { rules, state } => {
                state.terms(merged, &rules.physics.law, seen(state, in_flight, now))
            }
        }
    }
}

/// Silence counts as staleness only while an answer is owed: a route without calls is not stale.
fn seen(state: &PhysicsState, in_flight: u64, now: Mono) -> Mono {
    if in_flight == 0 { state.last_update } else { now }
}
