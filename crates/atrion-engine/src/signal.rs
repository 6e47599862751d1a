// SPDX-License-Identifier: Apache-2.0
//! Signals of one's own: gauges that the application knows better than any measurement, as a named
//! term of R. The law is [`atrion_core::SignalCurve`]; here is who tells it what.
//!
//! - **It promises** that a signal without a fresh number adds nothing, and that this is told.
//! - **It does not know** what a gauge measures.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{SignalCurve, SignalCurveError, SignalName, SignalNameError};
use atrion_state::{RouteId, RouteIdError, SignalFault};

use crate::resource::Resource;

mod board;
pub(crate) use board::{Board, Moved, Strongest};

mod names;
pub(crate) use names::{id_of, name_of};

mod slot;
use slot::Slot;

mod source;

/// What a signal means: the reading that it is to stay under, and whose gate it moves.
///
/// ```
/// use std::time::Duration;
///
/// use atrion_engine::Signal;
///
/// // Nothing up to 80 %, critical requests alone at 95 %; only where the database is used.
/// let pool = Signal::target(0.8).edge(0.95).group("db").silent_after(Duration::from_secs(30));
/// # let _ = pool;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Signal {
    target: f64,
    edge: Option<f64>,
    scope: Scope,
    patience: Duration,
}

#[derive(Debug, Clone, PartialEq)]
enum Scope {
    All,
    Route(String),
    Group(String),
}

/// How long a number counts unless the signal says so itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The edge is so many times the target unless the signal says so itself: 1 for 0.8.
const USUAL_EDGE: f64 = 1.25;

impl Signal {
    /// A gauge that adds nothing up to `target`, in a unit of its own, and moves the gates of all
    /// routes above it. Its edge is at 1.25 times the target.
    pub const fn target(target: f64) -> Self {
        Self { target, edge: None, scope: Scope::All, patience: PATIENCE }
    }

    /// Sets the reading at which critical requests alone pass.
    pub const fn edge(mut self, edge: f64) -> Self {
        self.edge = Some(edge);
        self
    }

    /// Moves the gate of this route alone.
    pub fn route(mut self, name: impl Into<String>) -> Self {
        self.scope = Scope::Route(name.into());
        self
    }

    /// Moves the gate of this group alone, and so all of its routes.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.scope = Scope::Group(name.into());
        self
    }

    /// Sets how long a number counts without a new one: 10 s by default. A signal that is silent for
    /// longer adds nothing.
    pub const fn silent_after(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn check(self) -> Result<Meaning, SignalError> {
        let curve = SignalCurve::new(self.target, self.edge.unwrap_or(USUAL_EDGE * self.target))?;
        let scope = match self.scope {
            Scope::All => None,
            Scope::Route(name) => Some(RouteId::new(&name)?),
            Scope::Group(name) => Some(RouteId::group(&name)?),
        };
        if self.patience.is_zero() {
            return Err(SignalError::Patience);
        }
        Ok(Meaning { curve, scope, patience: self.patience })
    }
}

/// A [`Signal`] that was checked.
#[derive(Debug, Clone)]
struct Meaning {
    curve: SignalCurve,
    /// `None`: every route.
    scope: Option<RouteId>,
    patience: Duration,
}

/// Why there is no such signal.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] SignalNameError),
    /// The name stands for what `update_physics` is told.
    #[error("the signal `{0}` is what `update_physics` is told: take another name")]
    Reserved(SignalName),
    /// Target and edge make no curve.
    #[error(transparent)]
    Curve(#[from] SignalCurveError),
    /// The name of its route or group cannot be one.
    #[error("the signal's route or group: {0}")]
    Scope(#[from] RouteIdError),
    /// No number would ever count.
    #[error("a signal must be allowed to be silent for longer than zero")]
    Patience,
    /// An instance has room for so many.
    #[error("an instance has at most {0} signals")]
    TooMany(usize),
    /// There is nothing to measure: no limit, or no such files on this system.
    #[error("{0} cannot be measured here: {1}")]
    Unmeasurable(Resource, Arc<str>),
    /// No thread could be started to ask the callback.
    #[error("no thread for the signal's callback: {0}")]
    Thread(Arc<str>),
}

/// A signal's handle: where its numbers go. Cheap to clone; it does not keep the instance alive.
///
/// Obtained from [`Atrion::signal`](crate::Atrion::signal).
#[derive(Clone)]
pub struct Gauge(Arc<Slot>);

impl Gauge {
    /// What the gauge shows now: it counts from the next pulse on, until the next number or the end
    /// of the signal's patience. It never waits.
    ///
    /// A number that is not finite says that the reading is not known, and adds nothing.
    pub fn set(&self, reading: f64) {
        self.0.set(reading);
    }

    /// The signal's name.
    #[must_use]
    pub fn name(&self) -> SignalName {
        self.0.name()
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The strongest signal at a gate, as of a pulse.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Signalled {
    /// Its name.
    pub name: SignalName,
    /// 0..=1, in the unit of what saturation may add at the most.
    pub pressure: f64,
}

impl Signalled {
    pub(crate) fn stronger(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.pressure > one.pressure { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

/// One signal at one moment.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SignalSnapshot {
    /// Its name.
    pub name: SignalName,
    /// The gate that it moves; `None` for those of all routes.
    pub route: Option<RouteId>,
    /// The latest number; `None` while there is none that counts.
    pub reading: Option<f64>,
    /// The reading up to which it adds nothing.
    pub target: f64,
    /// The reading at which critical requests alone pass.
    pub edge: f64,
    /// How much of what saturation may add it adds now, 0..=1.
    pub pressure: f64,
    /// Why it has no number, if it had one.
    pub fault: Option<SignalFault>,
}
