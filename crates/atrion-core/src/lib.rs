// SPDX-License-Identifier: Apache-2.0
//! The physics of adaptive admission control: pure, `no_std`, deterministic to the bit.
//!
//! Every function here takes its state, its input and the time as arguments and gives back values.
//! Nothing reads a clock, locks, logs, or allocates in a step. No law draws randomness: a caller
//! that needs it gives a seed to [`SplitMix64`] and passes in what it drew. `manual/physics.md` of
//! the repository explains the equations; each law is one small file.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare floats exactly on purpose: determinism to the bit is one of the promises.
#![cfg_attr(test, allow(clippy::float_cmp))]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod units;
pub use units::{Ohms, UnitError, Volts};

mod hash;
pub use hash::fnv1a;

mod random;
pub use random::SplitMix64;

mod time;
pub use time::{Mono, Wall};

#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
pub mod durations;

mod cost;
pub use cost::{Cost, CostError};

mod tenant;
pub use tenant::Tenant;

pub mod claim;

mod priority;
pub use priority::{Priority, Spread, Tier};

mod telemetry;
pub use telemetry::{Telemetry, TelemetryError};

mod outcome;
pub use outcome::Outcome;

mod mode;
pub use mode::Mode;

mod signal;
pub use signal::{SignalCurve, SignalCurveError, SignalId, SignalName, SignalNameError, SignalPressure};

mod decision;
pub use decision::{Reason, Refusal, Terms, retry_after};

mod admission;
pub use admission::{Gate, Ladder, Law};

pub mod adaptive;
pub use adaptive::{AdaptiveConfig, AdaptiveState, ConfigFault, Laws, Tick, Window};

mod tuner;
pub use tuner::{Tuner, TunerConfig};

pub mod rfc;
pub use rfc::{RfcConfig, update_physics};

mod choice;
pub use choice::{Beta, BetaError, choose, shares};

mod blend;
pub use blend::{
    Blend, Capacity, Direction, Evidence, Gamma, GammaError, Load, Own, Peer, PeerLoad, Share, blend,
};
