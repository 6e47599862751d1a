// SPDX-License-Identifier: Apache-2.0
//! The engine of Atrion: routes, permits, counters, and the task that drives the pulse.
//!
//! A request goes through [`Route::admit`] and [`Permit::finish`]; neither locks, waits or
//! allocates. Everything else happens every 100 ms beside the requests: counters become windows,
//! windows become physics, physics becomes a gate.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare floats exactly on purpose: determinism to the bit is one of the promises.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod config;
pub use config::{Config, ConfigError, FleetConfig, Hold, Physics, Profile, RfcPhysics, RouteConfig};

mod live;
pub use live::tenant_of;

mod slot;

mod shed;
pub use shed::Shed;

mod refusals;
pub use refusals::RefusalSample;

mod commons;
mod heartbeat;

mod peers;
mod physics;

mod queue;

mod cell;
pub use cell::OVERFLOW_ROUTE;

mod resource;
pub use resource::Resource;

mod signal;
pub use signal::{Gauge, Signal, SignalError, SignalSnapshot, Signalled};

mod permit;
pub use permit::{OwnedPermit, Permit, RequestWait};

mod stream;
pub use stream::StreamPermit;

mod outage;
pub use outage::Outage;

mod snapshot;
pub use snapshot::{Counts, RouteSnapshot, Snapshot};

pub mod recording;

mod route;
pub use route::Route;

mod acquire;
pub use acquire::{Acquire, AcquireOwned};

mod group;
pub use group::Group;

mod lease;
pub use lease::{Lease, LeaseError, LeaseId, LeaseOptions, LeaseSnapshot, LeaseToken};

mod in_force;
mod registry;

mod routes;
pub use routes::Routes;

mod overrides;
pub use overrides::{Override, OverrideError, Overrides};

mod fleet;
mod roster;
mod shedding;

mod events;
pub use events::{Events, Received};

mod engine;
pub use engine::{Engine, PulseReport};

mod choose;

mod queued;
pub use queued::Queued;

mod runtime;

mod behind;
pub use behind::WriteBehind;

mod atrion;
pub use atrion::{Atrion, WeakAtrion};

mod builder;
pub use builder::{BuildError, Builder};
