// SPDX-License-Identifier: Apache-2.0
//! What is set for one route: the preset of its physics, and what holds whatever the physics says.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, ConfigFault, RfcConfig, Spread, rfc};
use atrion_state::RouteId;

use super::Hold;
use super::error::Fault;
use crate::lease::{self, LeaseOptions};

/// Configuration of a route. Where it is read from a file, `slo` and `profile` may stand beside these
/// fields, as short as they are here: [`RouteConfig::slo`], [`RouteConfig::profile`].
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
// The derived code is inherent; `config/written.rs` reads with it what stands in a file.
#[cfg_attr(feature = "serde", serde(remote = "Self", default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct RouteConfig {
    /// The physics, with its numbers.
    pub physics: Physics,
    /// The most units in flight, whatever the physics says. At least 1. `None`: the physics
    /// alone decides.
    pub cap: Option<u32>,
    /// Shadow mode: everything is computed, counted and reported, and nothing is shed.
    pub shadow: bool,
    /// Where in its tier's band a request falls.
    pub spread: Spread,
    /// The group whose gate admits beside the route's own, by its name without `@`. `None`: as the
    /// caller says, which for [`AdmissionLayer`] is a group of the whole service. An empty name: no
    /// group, whatever the caller says.
    ///
    /// [`AdmissionLayer`]: https://docs.rs/atrion-tower/latest/atrion_tower/struct.AdmissionLayer.html
    pub group: Option<String>,
    /// How long a request counts as in flight, where the layer that serves it has no rule by
    /// request. `None`: as the layer says.
    pub hold: Option<Hold>,
    /// How often the holder of a lease beats, for [`Route::lease_options`]: 10 ms to a day. `None`:
    /// as [`LeaseOptions::standard`] has it.
    ///
    /// [`Route::lease_options`]: crate::Route::lease_options
    #[cfg_attr(feature = "serde", serde(deserialize_with = "atrion_core::durations::deserialize_option"))]
    pub heartbeat: Option<Duration>,
    /// For how long a missed beat is forgiven, none to a day. `None`: as for `heartbeat`.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "atrion_core::durations::deserialize_option"))]
    pub grace: Option<Duration>,
}

/// A preset of the physics, with its numbers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Physics {
    /// The default (`manual/physics.md` section 3).
    Adaptive(AdaptiveConfig),
    /// The model as first written (`manual/physics.md` section 1). The engine measures for it:
    /// saturation is the mean in-flight count over the route's cap, and 0 without a cap.
    Rfc(RfcPhysics),
}

impl Default for Physics {
    fn default() -> Self {
        Self::Adaptive(AdaptiveConfig::default())
    }
}

/// The preset `rfc` with its service level objective.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct RfcPhysics {
    /// The law's numbers.
    pub law: RfcConfig,
    /// What is normal, and how much each kind of trouble matters.
    pub slo: rfc::Slo,
}

impl RouteConfig {
    /// Sets the SLO: a call that takes longer is late.
    #[must_use]
    pub fn slo(mut self, slo: Duration) -> Self {
        match &mut self.physics {
            Physics::Adaptive(adaptive) => adaptive.slo = Some(slo),
            Physics::Rfc(rfc) => rfc.slo.latency = slo.as_secs_f64(),
        }
        self
    }

    /// Sets the most units in flight; a request is one unless it says that it costs more.
    #[must_use]
    pub fn cap(mut self, cap: u32) -> Self {
        self.cap = Some(cap);
        self
    }

    /// Puts the route into shadow mode, or takes it out.
    #[must_use]
    pub fn shadow(mut self, shadow: bool) -> Self {
        self.shadow = shadow;
        self
    }

    /// Puts the route into a group: its requests pass the gates of both.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Keeps the route out of every group, also out of the one that a layer puts its routes into:
    /// for a route that shares nothing with the others.
    #[must_use]
    pub fn alone(self) -> Self {
        self.group("")
    }

    /// Sets how long a request counts as in flight.
    #[must_use]
    pub fn hold(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    /// Sets how often the holder of a lease beats, and for how long a missed beat is forgiven.
    #[must_use]
    pub fn lease(mut self, heartbeat: Duration, grace: Duration) -> Self {
        (self.heartbeat, self.grace) = (Some(heartbeat), Some(grace));
        self
    }

    /// What is set for leases, with the standard for what is not.
    pub(crate) fn lease_options(&self) -> LeaseOptions {
        let standard = LeaseOptions::standard();
        LeaseOptions::custom(
            self.heartbeat.unwrap_or(standard.heartbeat),
            self.grace.unwrap_or(standard.grace),
        )
    }

    pub(super) fn collect_faults(&self, at: &str, faults: &mut Vec<Fault>) {
        let mut take = |at: String, found: Result<(), Vec<ConfigFault>>| {
            let found = found.err().unwrap_or_default();
            faults.extend(found.into_iter().map(|fault| Fault { at: at.clone(), fault }));
        };
        match &self.physics {
            Physics::Adaptive(adaptive) => take(format!("{at}.physics.adaptive"), adaptive.check()),
            Physics::Rfc(rfc) => {
                take(format!("{at}.physics.rfc.law"), rfc.law.check());
                take(format!("{at}.physics.rfc.slo"), rfc.slo.check());
            }
        }
        if self.cap == Some(0) {
            let fault = ConfigFault { field: "cap", must: "1 or more, or left out", value: 0.0 };
            faults.push(Fault { at: at.to_owned(), fault });
        }
        let spans = [
            ("heartbeat", "10ms..=1d, or left out", self.heartbeat, lease::HEARTBEAT),
            ("grace", "0s..=1d, or left out", self.grace, lease::GRACE),
        ];
        for (field, must, span, range) in spans {
            if let Some(span) = span.filter(|span| !range.contains(span)) {
                let fault = ConfigFault { field, must, value: span.as_secs_f64() };
                faults.push(Fault { at: at.to_owned(), fault });
            }
        }
        if let Some(group) = self.group.as_deref().filter(|group| !group.is_empty())
            && RouteId::group(group).is_err()
        {
            let must = "a name of 1..=255 bytes without control characters, or empty, its length";
            let fault = ConfigFault { field: "group", must, value: group.len() as f64 };
            faults.push(Fault { at: at.to_owned(), fault });
        }
    }
}
