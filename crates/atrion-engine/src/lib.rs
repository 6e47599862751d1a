// SPDX-License-Identifier: Apache-2.0
//! The engine of Atrion: routes, permits, counters, and the task that drives the pulse.
//!
//! A request goes through [`Route::admit`] and [`Permit::finish`]; neither locks, waits or allocates. Everything else
//! happens every 100 ms beside the requests: counters become windows, windows become physics, physics becomes a gate.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare floats exactly on purpose: determinism to the bit is one of the promises.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod config;
pub use config::{Config, ConfigError, FleetConfig, Physics, RfcPhysics, RouteConfig};

mod route;
pub use route::Route;

mod permit;
pub use permit::{OwnedPermit, Permit};

mod shed;
pub use shed::Shed;

mod refusals;
pub use refusals::RefusalSample;

mod cell;
mod live;
mod slot;

mod fleet;
mod physics;
mod registry;
mod roster;

pub mod recording;

mod overrides;
pub use overrides::{Override, OverrideError};

mod snapshot;
pub use snapshot::{Counts, RouteSnapshot, Snapshot};

mod engine;
pub use engine::{Engine, OVERFLOW_ROUTE, PulseReport};

mod choose;
mod events;
pub use events::{Events, Received};

mod queued;
pub use queued::Queued;

mod runtime;

mod atrion;
pub use atrion::{Atrion, BuildError, Builder, WeakAtrion};
