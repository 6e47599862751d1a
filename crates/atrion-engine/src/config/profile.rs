// SPDX-License-Identifier: Apache-2.0
//! What a route's work is like, by name.

use std::time::Duration;

use super::{Hold, Physics, RouteConfig};
use crate::lease::LeaseOptions;

/// How long a route's work takes, roughly. It stands for an SLO, a [`Hold`], the beats of leases and a
/// least target; the numbers are in the chapter on [work].
///
/// In a configuration file the entry `profile`, over which the entry's own fields win.
///
/// [work]: https://docs.rs/atrion/latest/atrion/manual/work/index.html
///
/// ```
/// use std::time::Duration;
///
/// use atrion_engine::{Config, Hold, Profile, RouteConfig};
///
/// let exports = RouteConfig::default().profile(Profile::Heavy).slo(Duration::from_secs(60));
/// assert_eq!((exports.hold, exports.heartbeat), (Some(Hold::Body), Some(Duration::from_secs(15))));
/// # #[cfg(feature = "serde")]
/// # {
/// let text = r#"{"routes": {"GET /export": {"profile": "heavy", "slo": "60s"}}}"#;
/// let config: Config = serde_json::from_str(text)?;
/// assert_eq!(config.of("GET /export"), &exports);
/// # }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Profile {
    /// At once: look-ups, pages, ordinary calls of an API.
    Light,
    /// Seconds: searches, reports, calls of slow dependencies.
    Standard,
    /// Minutes: exports, transcodes, batches.
    Heavy,
    /// Hours: training, imports, migrations.
    Extreme,
    /// None of these: the numbers are your own, and those that are not set are the library's. It
    /// takes back what the profile of the default stands for.
    Custom,
}

impl RouteConfig {
    /// Sets what the profile stands for: SLO, hold, heartbeat, grace and least target. What is set
    /// after it wins.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        let numbers = Numbers::of(profile);
        match &mut self.physics {
            Physics::Adaptive(adaptive) => {
                (adaptive.slo, adaptive.min_target) = (numbers.slo, numbers.min_target);
            }
            Physics::Rfc(rfc) => {
                let default = atrion_core::rfc::Slo::default().latency;
                rfc.slo.latency = numbers.slo.map_or(default, |slo| slo.as_secs_f64());
            }
        }
        self.hold = numbers.hold;
        self.heartbeat = numbers.lease.as_ref().map(|lease| lease.heartbeat);
        self.grace = numbers.lease.map(|lease| lease.grace);
        self
    }
}

/// What a profile stands for.
struct Numbers {
    slo: Option<Duration>,
    hold: Option<Hold>,
    lease: Option<LeaseOptions>,
    /// The longer the work, the longer does one job too many wait: so the fewer come on trust.
    min_target: f64,
}

impl Numbers {
    fn of(profile: Profile) -> Self {
        let numbers = |seconds, hold, lease, min_target| Self {
            slo: Some(Duration::from_secs(seconds)),
            hold: Some(hold),
            lease: Some(lease),
            min_target,
        };
        let default = atrion_core::AdaptiveConfig::default().min_target;
        match profile {
            Profile::Light => numbers(1, Hold::Verdict, LeaseOptions::light(), 2.0 * default),
            Profile::Standard => numbers(10, Hold::Verdict, LeaseOptions::standard(), default),
            Profile::Heavy => numbers(5 * 60, Hold::Body, LeaseOptions::heavy(), 0.5 * default),
            Profile::Extreme => numbers(6 * 3_600, Hold::Body, LeaseOptions::extreme(), 1.0),
            Profile::Custom => Self { slo: None, hold: None, lease: None, min_target: default },
        }
    }
}
