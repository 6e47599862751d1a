// SPDX-License-Identifier: Apache-2.0
//! A refusal as a value that explains itself.

use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::{Mode, Ohms, SignalId, Tier, Volts};

/// The terms of a resistance:
/// `R = base + saturation + momentum + scar + staleness + cluster + signal`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // a further term would be another law
pub struct Terms {
    /// The resistance of a healthy route.
    pub base: Ohms,
    /// `w max(0, p(n + D))`: the crowd, at the request's own moment; and the fleet's, where it shares
    /// a callee.
    pub saturation: Ohms,
    /// `mu M`: rising pressure.
    pub momentum: Ohms,
    /// S: what is left of past failures, on this node's own evidence.
    pub scar: Ohms,
    /// U: calls that do not come back.
    pub staleness: Ohms,
    /// What the fleet's scars add to the own scar, or take from it: signed ohms, 0 on a single
    /// node.
    pub cluster: f64,
    /// What the strongest of the application's own signals adds.
    #[cfg_attr(feature = "serde", serde(default))]
    pub signal: Ohms,
}

impl Terms {
    /// The sum without saturation, in ohms; never under the base, so that neither rounding nor a
    /// healthy fleet can take R under `R_base`.
    #[must_use]
    pub fn at_rest(&self) -> f64 {
        let own = self.base.get() + self.momentum.get() + self.scar.get() + self.staleness.get();
        (own + self.cluster).max(self.base.get()) + self.signal.get()
    }

    /// R: the sum of all terms.
    #[must_use]
    pub fn resistance(&self) -> Ohms {
        Ohms::saturating(self.at_rest() + self.saturation.get())
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// The route carries as much as it can; at rest the request would have passed.
    Saturated,
    /// Past failures, hung calls or the fleet's scars hold the resistance above the request's
    /// voltage.
    Scarred,
    /// The breaker is open, and no probe was due.
    BreakerOpen,
    /// The configured cap of requests in flight is reached.
    AtCap,
    /// An operator has forced the route open.
    ForcedOpen,
    /// The answer cannot come by the request's deadline.
    TooLate,
    /// One of the application's own signals holds the resistance above the request's voltage.
    Signal,
    /// The nodes of the fleet together ask for more than their callee can do. Alone, this one would
    /// have let the request through.
    Fleet,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Saturated,
        Self::Scarred,
        Self::BreakerOpen,
        Self::AtCap,
        Self::ForcedOpen,
        Self::TooLate,
        Self::Signal,
        Self::Fleet,
    ];

    /// A stable lower-case name for logs, metrics and problem documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Saturated => "saturated",
            Self::Scarred => "scarred",
            Self::BreakerOpen => "breaker_open",
            Self::AtCap => "at_cap",
            Self::ForcedOpen => "forced_open",
            Self::TooLate => "too_late",
            Self::Signal => "signal",
            Self::Fleet => "fleet",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal with everything that led to it. It is an ordinary answer of the gate, not an error of
/// the program.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The request's voltage V.
    pub volts: Volts,
    /// The tier it was counted under.
    pub tier: Tier,
    /// The terms of R at the request's moment.
    pub terms: Terms,
    /// The route's mode.
    pub mode: Mode,
    /// Requests in flight, without this one.
    pub in_flight: u64,
    /// Debt D, in slots.
    pub debt: f64,
    /// The capacity target N*, in requests.
    pub target: f64,
    /// When a request of this voltage has a chance again. Written in seconds.
    #[cfg_attr(feature = "serde", serde(serialize_with = "seconds"))]
    pub retry_after: Duration,
    /// How long the answer would have taken, in milliseconds, rounded up and at least one, where
    /// that is why: [`Reason::TooLate`].
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub expected_ms: Option<NonZeroU32>,
    /// The strongest of the application's own signals, where one is in R.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub signal: Option<SignalId>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} request of {} met {} ({}, {}): base {:.1} + saturation {:.1} + momentum {:.1} + scar {:.1} \
             + staleness {:.1} + cluster {:.1} + signal {:.1}; {} in flight and {:.1} owed of {:.1}; retry in {:.1} s",
            self.tier,
            self.volts,
            self.terms.resistance(),
            self.reason,
            self.mode,
            self.terms.base.get(),
            self.terms.saturation.get(),
            self.terms.momentum.get(),
            self.terms.scar.get(),
            self.terms.staleness.get(),
            self.terms.cluster,
            self.terms.signal.get(),
            self.in_flight,
            self.debt,
            self.target,
            self.retry_after.as_secs_f64()
        )?;
        match self.expected_ms {
            Some(expected) => write!(f, "; expected after {expected} ms"),
            None => Ok(()),
        }
    }
}

/// When a request of `volts` has a chance again (`manual/physics.md` section 4, "Retry-After is
/// true").
///
/// On an operational route that is the time in which the scar heals under the voltage, plus a
/// second, from 0.1 to 60 s; in every other case a fixed hint of one second. `scar_decay` is in
/// 1/s. The shell adds jitter.
#[must_use]
pub fn retry_after(mode: Mode, volts: Volts, scar: Ohms, base: Ohms, scar_decay: f64) -> Duration {
    let head = volts.get() - base.get();
    if mode != Mode::Operational || head <= 0.0 || scar_decay <= 0.0 {
        return HINT;
    }
    let healing = if scar.get() > head { libm::log(scar.get() / head) / scar_decay } else { 0.0 };
    Duration::try_from_secs_f64((healing + 1.0).clamp(0.1, 60.0)).unwrap_or(HINT)
}

#[cfg(feature = "serde")]
fn seconds<S: serde::Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(span.as_secs_f64())
}

const HINT: Duration = Duration::from_secs(1);
