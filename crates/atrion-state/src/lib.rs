// SPDX-License-Identifier: Apache-2.0
//! State ports of Atrion: where a route's state is kept, what time it is, what observers hear, and
//! when to do what.
//!
//! The crate is the border between the physics (`atrion-core`, pure) and the world. It reads the
//! machine's clocks in one place ([`SystemClock`]), spawns nothing but the thread that learns the
//! pace of the processor's counter, and knows no runtime: futures are boxed and left to the caller
//! to drive.
//!
//! - [`StateProvider`] is the port that an adapter implements; [`InMemoryProvider`] is the free
//!   adapter.
//! - [`StateManager`] caches a node's own vectors and remembers which of them the store has not
//!   seen.
//! - [`Pulse`] says when to compute, push and pull, and when to give up on either.
//! - [`Clock`] and [`Observer`] are the other two ports; [`FakeClock`] lets every test move time
//!   itself.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare floats exactly on purpose: a stored vector comes back to the bit.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod clock;
pub use clock::{Clock, FakeClock, SystemClock};

mod escape;
pub use escape::Escaped;

mod id;
pub use id::{NodeId, NodeIdError, RouteId, RouteIdError};

mod vector;
pub use vector::{DecayRate, MomentumRate, PhysicsVector, VectorError, Weight};

mod tenants;
pub use tenants::TenantSecret;

mod news;
pub use news::{News, Told};

mod lease;
pub use lease::LeaseRecord;

mod register;
pub use register::{Liveness, Register, RegisterSet, RegisterSetLimits};

mod provider;
pub use provider::{
    BoxFuture, Capabilities, Change, Demand, Feed, Health, MergedScars, MessageCount, MessageDirection,
    MessageResult, NodeCount, ProviderError, ProviderStats, Sharing, SourceError, StateProvider,
    Subscription,
};

// The one type of the core in the port's signatures.
pub use atrion_core::Peer;

mod memory;
pub use memory::{InMemoryProvider, MemorySnapshot, MemoryStats};

mod manager;
pub use manager::{Batch, Restored, StateManager};

mod backoff;
pub use backoff::Backoff;

mod pulse;
pub use pulse::{Flight, Outage, Pulse, PulseConfig, PulseConfigError, Step, Transition, Turn};

mod observer;
pub use observer::{
    Event, Fanout, Filtered, LeaseEnd, LicenseStanding, LicenseState, Observer, OverrideKind, RecordingEnd,
    Sampled, SignalFault, SyncOperation,
};

mod sync;
pub use sync::lock;

#[cfg(feature = "serde")]
mod written;
