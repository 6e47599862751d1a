// SPDX-License-Identifier: Apache-2.0
//! An application's own signal as a term of R (`manual/physics.md` section 3.11).
//!
//! A signal stands for a resource that a request needs besides the route's own capacity: a pool, a
//! disk, a replica that follows. What it adds to R says nothing of the crowd, so it stands beside
//! the other terms, as a scar does, and the crowd divides what it leaves of the ladder. A request
//! needs all resources at once, so it passes where it passes the scarcest: of several signals the
//! strongest counts and not their sum, for one shortage often shows in several gauges.

mod name;
pub use name::{SignalId, SignalName, SignalNameError};

/// What a gauge adds to R at which reading: nothing up to its target, most of the ladder at its
/// edge.
///
/// ```
/// use atrion_core::SignalCurve;
///
/// let pool = SignalCurve::new(0.8, 1.0)?;
/// assert_eq!(pool.pressure(0.7), 0.0);
/// assert!((pool.pressure(1.0) - 0.8).abs() < 1e-12);
/// assert!(pool.pressure(50.0) <= 1.0);
/// # Ok::<(), atrion_core::SignalCurveError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalCurve {
    target: f64,
    edge: f64,
}

/// Why two readings make no curve.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalCurveError {
    /// The target is no reading that a gauge can be asked to stay under.
    #[error("a signal's target must be a finite number of 0 or more, got {0}")]
    Target(f64),
    /// The edge is not beyond the target.
    #[error("a signal's edge must be a finite number above its target of {target}, got {edge}")]
    Edge {
        /// The target.
        target: f64,
        /// The edge that was asked for.
        edge: f64,
    },
}

impl SignalCurve {
    /// The strength of saturation that a caller measures itself ([`Telemetry::saturation`]): 1 is
    /// full.
    ///
    /// [`Telemetry::saturation`]: crate::Telemetry::saturation
    pub const REPORTED: Self = Self { target: 1.0, edge: 1.25 };

    /// A curve that begins over `target` and leaves room for critical requests alone at `edge`, both
    /// in the gauge's own unit.
    ///
    /// # Errors
    /// [`SignalCurveError`] names the reading that does not fit.
    pub const fn new(target: f64, edge: f64) -> Result<Self, SignalCurveError> {
        if !target.is_finite() || target < 0.0 {
            Err(SignalCurveError::Target(target))
        } else if !edge.is_finite() || edge <= target {
            Err(SignalCurveError::Edge { target, edge })
        } else {
            Ok(Self { target, edge })
        }
    }

    /// The reading up to which nothing is added.
    #[must_use]
    pub const fn target(self) -> f64 {
        self.target
    }

    /// The reading at which critical requests alone pass.
    #[must_use]
    pub const fn edge(self) -> f64 {
        self.edge
    }

    /// `tanh(c (x - target) / (edge - target))`, 0 up to the target and `AT_EDGE` at the edge:
    /// 0..=1, as the crowd's pressure. A reading that is no finite number says nothing, so it adds
    /// nothing.
    #[must_use]
    pub fn pressure(self, reading: f64) -> f64 {
        if reading.is_finite() && reading > self.target {
            libm::tanh(SLOPE * (reading - self.target) / (self.edge - self.target))
        } else {
            0.0
        }
    }
}

/// The pressure of a signal, followed with a second.
///
/// Between two ticks nothing holds a gauge back but R, so a gauge that answers within a tick would
/// swing from one end of its curve to the other and back: all pass, none pass. By how much a change
/// of R moves the gauge depends on the demand and is not known; following it with a second keeps
/// the loop quiet for several times the capacity, and costs no reaction, because what is far over
/// the target moves far in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SignalPressure(f64);

impl SignalPressure {
    /// After `seconds` in which the gauge asked for `wanted`.
    #[must_use]
    pub fn step(self, seconds: f64, wanted: f64) -> Self {
        let next = wanted + (self.0 - wanted) * libm::exp(-seconds / TIME);
        // What is left of it is no ohm any more: the route may rest.
        Self(if wanted <= 0.0 && next < FAINT { 0.0 } else { next })
    }

    /// 0..=1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// How fast R follows a signal, in seconds.
const TIME: f64 = 1.0;

/// `atanh(0.8)`. With a base of 10 ohms and a weight of 90 the resistance at the edge is 82 ohms,
/// where the band of critical requests begins.
const SLOPE: f64 = 1.098_612_288_668_11;

/// A hundredth of an ohm at the usual weight.
const FAINT: f64 = 1e-4;
