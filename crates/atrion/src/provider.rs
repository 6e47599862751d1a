// SPDX-License-Identifier: Apache-2.0
//! All that the author of a store needs: the port [`StateProvider`], what crosses it, and what an
//! adapter may use.
//!
//! A store keeps one [`PhysicsVector`] for each route, and gives it back aged by the time for which
//! it lay there. Five methods are required; the others have defaults that say "there is no such
//! thing here". Requests never call a store: the pulse does, in tasks of its own, and gives a slow
//! one up.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Mutex;
//! use std::time::Instant;
//!
//! use atrion::Atrion;
//! use atrion::provider::{
//!     BoxFuture, Capabilities, PhysicsVector, ProviderError, RouteId, StateProvider, lock,
//! };
//!
//! /// Vectors in a map, each with the instant at which it was stored.
//! #[derive(Debug, Default)]
//! struct Shelf(Mutex<HashMap<RouteId, (PhysicsVector, Instant)>>);
//!
//! impl StateProvider for Shelf {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::new("shelf")
//!     }
//!
//!     fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
//!         Box::pin(async { Ok(()) })
//!     }
//!
//!     fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
//!         Box::pin(async { Ok(()) })
//!     }
//!
//!     fn get_vector<'a>(
//!         &'a self,
//!         route: &'a RouteId,
//!     ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
//!         Box::pin(async move {
//!             let shelf = lock(&self.0);
//!             Ok(shelf.get(route).map(|(vector, since)| vector.older_by(since.elapsed())))
//!         })
//!     }
//!
//!     fn update_vector(
//!         &self,
//!         route: RouteId,
//!         vector: PhysicsVector,
//!     ) -> BoxFuture<'_, Result<(), ProviderError>> {
//!         Box::pin(async move {
//!             lock(&self.0).insert(route, (vector, Instant::now()));
//!             Ok(())
//!         })
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), atrion::BuildError> {
//!     let atrion = Atrion::builder().provider(Shelf::default()).connect().await?;
//!     atrion.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! The crate `atrion-testkit` has the contract of the port as a suite of checks, a provider that
//! fails on command, and a fleet in memory. Run the suite from a test of your own:
//!
//! ```
//! use std::sync::Arc;
//!
//! use atrion::provider::{InMemoryProvider, StateProvider};
//! use atrion_testkit::contract::{self, Subject, Time};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // Your store in the place of this one.
//! let open = || Arc::new(InMemoryProvider::default()) as Arc<dyn StateProvider>;
//! contract::run_all(|| async { Subject::opened_by(open, Time::Real) }).await.assert_kept();
//! # }
//! ```
//!
//! `examples/06_store` of this crate is a store that keeps its vectors in a file, `tests/store.rs`
//! its test.

pub use atrion_state::{
    Backoff, Batch, BoxFuture, Capabilities, Change, Clock, DecayRate, Demand, Event, FakeClock, Feed,
    Health, InMemoryProvider, LeaseRecord, Liveness, MemorySnapshot, MemoryStats, MergedScars, MessageCount,
    MessageDirection, MessageResult, MomentumRate, NodeCount, NodeId, NodeIdError, Observer, PhysicsVector,
    ProviderError, ProviderStats, Register, RegisterSet, RegisterSetLimits, Restored, RouteId, RouteIdError,
    Sharing, SourceError, StateManager, StateProvider, Subscription, SyncOperation, SystemClock,
    TenantSecret, VectorError, Weight, forward_provider, lock,
};

pub use atrion_engine::WriteBehind;

pub use atrion_core::claim::Heaviest;
pub use atrion_core::{Direction, Gamma, Load, Mode, Mono, Ohms, Peer, PeerLoad, SplitMix64, Wall};
