// SPDX-License-Identifier: Apache-2.0
//! What a route measured and decided, pulse by pulse: enough to take every decision of its physics
//! again.
//!
//! A [`PulseRecord`] is what one COMPUTE was fed and what came out. A [`Start`] is the
//! configuration and the state from which the records after it go on. [`Retrace`] runs them through
//! the model that runs in production: with the configuration of the recording it comes to the same
//! resistances, to the bit. The simulation of `atrion-sim` says from a recording what another
//! configuration would have shed.
//!
//! Recording happens in the pulse, on the slow side of a route: a request knows nothing of it, and
//! a route that is not recorded pays one look at an empty list in a pulse. What is *not* in a
//! recording: single requests, names of callers, anything that a client sent.

mod pulse;
pub use pulse::{Decided, PulseRecord};

mod recorded;
pub use recorded::{Part, Recorded, RouteState, Start};

pub use crate::physics::Turn;

mod retrace;
pub use retrace::Retrace;

mod kept;
pub use kept::Kept;

#[cfg(feature = "recording")]
mod file;
#[cfg(feature = "recording")]
pub use file::{RecordError, Recorder, Recording, Written};

#[cfg(feature = "recording")]
mod lines;

#[cfg(feature = "recording")]
mod read;
#[cfg(feature = "recording")]
pub use read::{RecordedError, RecordedLimits};
