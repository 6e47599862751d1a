// SPDX-License-Identifier: Apache-2.0
//! The port behind which state is kept (RFC-0007, section 3.1).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use atrion_core::Peer;

use crate::{LeaseRecord, Liveness, Observer, PhysicsVector, Register, RouteId, Weight};

mod capabilities;
pub use capabilities::{Capabilities, Demand, Health};

mod error;
pub use error::{ProviderError, SourceError};

mod feed;
pub use feed::{Change, Feed, Subscription};

mod forward;

mod merged_scars;
pub use merged_scars::MergedScars;

mod sharing;
pub use sharing::Sharing;

mod stats;
pub use stats::{MessageCount, MessageDirection, MessageResult, NodeCount, ProviderStats};

/// A future that can be kept behind `dyn StateProvider`. The pulse calls the provider, a request
/// never does, so one allocation a call is the price of a port that is object safe
/// (`docs/adr/0004-sans-io-pulse-boxed-port.md`).
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps the vectors of routes: in memory, in a store of a fleet, on a disk.
///
/// # What every method holds to
/// - **No physics.** A provider gives vectors back as they were stored, with
///   [`age`](PhysicsVector::age) increased by the time that passed *by the store's own clock*
///   since. It never merges, decays, clamps or orders by wall time.
/// - **Single writer.** A provider handle belongs to one node and writes only that node's register.
///   Of two updates of a route, the one that was called later wins, whatever their timestamps and
///   ages say.
/// - **Cancel safety.** Any future may be dropped at any point (the pulse gives a slow provider up
///   after its budget). A dropped update may or may not have been stored; the provider is usable
///   afterwards.
/// - **No panic, no blocking.** Bad content in a store is an error or is skipped, and no method
///   blocks the thread. Nothing here may delay a request: callers call it from the pulse only.
/// - **Every method is safe to call concurrently**, before `connect` and after `disconnect` as
///   well: it then answers what it can or fails with [`ProviderError::Disconnected`].
///
/// The contract suite in `atrion-testkit` has one check for each of the headings below.
///
/// # Example
/// Five methods are required. A store of this process, which ages what it holds by one clock:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use atrion_core::{Mode, Mono, Ohms};
/// use atrion_state::{
///     BoxFuture, Capabilities, Clock, PhysicsVector, ProviderError, RouteId, StateProvider,
///     SystemClock, lock,
/// };
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<RouteId, (PhysicsVector, Mono)>>);
///
/// impl StateProvider for Shelf {
///     fn capabilities(&self) -> Capabilities {
///         Capabilities::new("shelf")
///     }
///
///     fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
///         Box::pin(async { Ok(()) })
///     }
///
///     fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
///         Box::pin(async { Ok(()) })
///     }
///
///     fn get_vector<'a>(
///         &'a self,
///         route: &'a RouteId,
///     ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
///         Box::pin(async move {
///             let found = lock(&self.0).get(route).copied();
///             Ok(found.map(|(vector, put)| vector.older_by(SystemClock.now().since(put))))
///         })
///     }
///
///     fn update_vector(
///         &self,
///         route: RouteId,
///         vector: PhysicsVector,
///     ) -> BoxFuture<'_, Result<(), ProviderError>> {
///         Box::pin(async move {
///             lock(&self.0).insert(route, (vector, SystemClock.now()));
///             Ok(())
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (shelf, route) = (Shelf::default(), RouteId::new("GET /orders")?);
/// assert_eq!(shelf.get_vector(&route).await?, None, "a cold start");
/// let vector = PhysicsVector::new(Mode::Operational, Ohms::new(12.0)?, Ohms::new(4.0)?);
/// shelf.update_batch(&[(route.clone(), vector)]).await?;
/// let found = shelf.get_vector(&route).await?;
/// assert_eq!(found.map(|vector| vector.scar_tissue), Some(Ohms::new(4.0)?));
/// # Ok(())
/// # }
/// ```
pub trait StateProvider: fmt::Debug + Send + Sync + 'static {
    /// What this provider can do.
    ///
    /// - **Meaning:** constant for the life of the value.
    /// - **May not:** do any I/O.
    fn capabilities(&self) -> Capabilities;

    /// Makes the store reachable.
    ///
    /// - **Meaning:** opens connections, checks versions, loads what `view` needs.
    /// - **Order:** first, or again at any time after `disconnect`.
    /// - **Repeat-safety:** connecting twice is connecting once.
    /// - **Failure leaves behind:** a provider that may be connected again later; the caller goes
    ///   on without it.
    /// - **May not:** take longer than a second; a provider that is able to reconnect by itself
    ///   returns `Ok` and says so in [`health`](Self::health).
    ///
    /// # Errors
    /// [`ProviderError`] where trying again by itself makes no sense (wrong address, refused
    /// credentials).
    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>>;

    /// Stores what is still buffered and closes everything.
    ///
    /// - **Meaning:** an orderly end. What an update accepted before is stored and is there after a
    ///   new `connect`, as far as the store itself remembers. Subscriptions made through this
    ///   handle end.
    /// - **Order:** any; updates that run at the same time may or may not be stored.
    /// - **Repeat-safety:** disconnecting twice is disconnecting once; without a `connect` it does
    ///   nothing.
    /// - **Failure leaves behind:** a closed provider all the same.
    /// - **May not:** take longer than two seconds, or delete what is stored.
    ///
    /// # Errors
    /// [`ProviderError`] if something that had been accepted could not be stored.
    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>>;

    /// The vector this node stored last for `route`, aged.
    ///
    /// - **Meaning:** `None` is a cold start: this node never stored one, or it was forgotten.
    ///   Vectors of *other* nodes are never given here (they would come back as this node's own
    ///   evidence): they are in [`view`](Self::view).
    /// - **Order:** a finished `update_vector` of the same handle is seen.
    /// - **Repeat-safety:** reading changes nothing, except what is evicted last.
    /// - **Failure leaves behind:** nothing.
    /// - **May not:** return a vector that fails its own types' checks, whatever the store holds.
    ///
    /// # Errors
    /// [`ProviderError`] if the store could not be asked. The caller treats it as a cold start.
    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>>;

    /// Stores this node's vector of a route.
    ///
    /// - **Meaning:** replaces what was there, whole. A provider may buffer it
    ///   (`Capabilities::buffered`) and store it later; what it accepted can be read back at once
    ///   through the same handle.
    /// - **Order:** later calls win.
    /// - **Repeat-safety:** the same update twice is the same as once; an update with an unknown
    ///   result can be repeated freely.
    /// - **Failure leaves behind:** the old vector or the new one, never a mixture.
    /// - **May not:** grow without bound: a bounded store evicts neutral vectors first and counts
    ///   what it evicts.
    ///
    /// # Errors
    /// [`ProviderError`]; [`ProviderError::is_retryable`] says whether the same update can succeed
    /// later.
    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>>;

    /// Every vector this node has in the store, aged: what a warm start needs, in one trip.
    ///
    /// - **Meaning:** as [`get_vector`](Self::get_vector) for each route that it would find. A
    ///   provider that cannot list its routes gives none; its routes start warm one by one, when
    ///   they are first named.
    /// - **Order:** any; each route at most once.
    /// - **Repeat-safety:** reading changes nothing.
    /// - **Failure leaves behind:** nothing.
    /// - **May not:** return vectors of other nodes.
    ///
    /// # Errors
    /// [`ProviderError`] if the store could not be asked. The caller treats it as a cold start.
    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// A feed of changes that others can make: of peers in a shared store, of this process in a
    /// local one.
    ///
    /// - **Meaning:** `None` if the provider has none ([`Capabilities::subscribes`] is then false).
    /// - **Order:** changes of one route by one node come in the order of their versions, possibly
    ///   with gaps.
    /// - **Repeat-safety:** several subscriptions live side by side and each gets everything;
    ///   dropping one ends it.
    /// - **Failure leaves behind:** a subscription that is full drops its *oldest* changes and
    ///   counts them in [`Subscription::dropped`]; a reader that sees the count rise reads
    ///   [`view`](Self::view) again.
    /// - **May not:** wait for a slow subscriber.
    fn subscribe(&self) -> Option<Subscription> {
        None
    }

    /// Stores many vectors, at best in one round trip.
    ///
    /// - **Meaning:** as [`update_vector`](Self::update_vector) for each, in order. An empty batch
    ///   does nothing.
    /// - **Order:** if a route appears twice, the later entry wins.
    /// - **Repeat-safety:** as for single updates.
    /// - **Failure leaves behind:** any part of the batch may be stored; repeat the whole of it.
    /// - **May not:** be longer than [`Capabilities::batch_limit`]; the caller splits.
    ///
    /// # Errors
    /// The first [`ProviderError`].
    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            for (route, vector) in batch {
                self.update_vector(route.clone(), *vector).await?;
            }
            Ok(())
        })
    }

    /// Keeps what this node holds under leases, for people who look after it has died.
    ///
    /// - **Meaning:** replaces what was kept, whole. A provider that keeps none takes it and forgets
    ///   it.
    /// - **Order:** later calls win.
    /// - **Repeat-safety:** the same list twice is the same as once.
    /// - **Failure leaves behind:** the old list or the new one.
    /// - **May not:** be called with more than 1,000.
    ///
    /// # Errors
    /// [`ProviderError`] if the store could not be reached, or did not take it.
    fn keep_leases<'a>(&'a self, leases: &'a [LeaseRecord]) -> BoxFuture<'a, Result<(), ProviderError>> {
        let _ = leases;
        Box::pin(std::future::ready(Ok(())))
    }

    /// What this node has kept last, in this life or in an earlier one.
    ///
    /// - **Meaning:** as it was kept. A provider that keeps none gives none.
    /// - **Order:** a finished `keep_leases` of the same handle is seen.
    /// - **Repeat-safety:** reading changes nothing.
    /// - **Failure leaves behind:** nothing.
    /// - **May not:** give leases of other nodes, or fail for what it cannot read: that is left out.
    ///
    /// # Errors
    /// [`ProviderError`] if the store could not be asked.
    fn kept_leases(&self) -> BoxFuture<'_, Result<Vec<LeaseRecord>, ProviderError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Whether the store is to be written to for reasons of its own.
    ///
    /// - **Meaning:** [`Demand::Write`] is met by the next `update_batch`, which may be empty;
    ///   [`Demand::Rest`] keeps the caller from connecting and writing.
    /// - **Order:** any; a caller asks before each write.
    /// - **Repeat-safety:** asking changes nothing.
    /// - **May not:** do any I/O.
    fn demand(&self) -> Demand {
        Demand::Nothing
    }

    /// What is known of a route's registers at the *other* nodes, aged to now.
    ///
    /// - **Meaning:** at most one register per node; empty if no other node is known. Merging them
    ///   is the core's task.
    /// - **Order:** sorted by node, so that every node sums them in the same order.
    /// - **Repeat-safety:** reading changes nothing.
    /// - **May not:** do any I/O: it answers from what arrived.
    fn view(&self, route: &RouteId) -> Vec<Register> {
        let _ = route;
        Vec::new()
    }

    /// The same as the merge takes it, added to `peers`: their scars, faded by age, and their
    /// evidence, faded by silence.
    ///
    /// - **Meaning:** [`view`](Self::view) through [`Register::as_peer`], for callers that ask in
    ///   every pulse and would drop the rest of each register.
    /// - **Order:** that of `view`.
    /// - **Repeat-safety:** reading changes nothing.
    /// - **May not:** do any I/O, or look at what `peers` held before.
    fn peers(&self, route: &RouteId, liveness: &Liveness, peers: &mut Vec<Peer>) {
        peers.extend(self.view(route).iter().map(|register| register.as_peer(liveness)));
    }

    /// How this node is to weigh what [`view`](Self::view) shows of the others.
    ///
    /// - **Meaning:** `None`: nothing is shared, and the view need not be read. May change while
    ///   the provider lives, for example with its license, so a reader asks again in every pulse.
    ///   The instance's own configuration has the last word.
    /// - **Order:** any.
    /// - **Repeat-safety:** reading changes nothing.
    /// - **May not:** do any I/O.
    fn sharing(&self) -> Option<Sharing> {
        None
    }

    /// The evidence in this node's own register as its peers have it.
    ///
    /// - **Meaning:** what was last published, however the evidence has changed since: with it
    ///   every node of one view computes the same mean. `None`: not known, or nothing has been
    ///   published; the caller then takes what it last handed over.
    /// - **Order:** any.
    /// - **Repeat-safety:** reading changes nothing.
    /// - **May not:** do any I/O.
    fn published_weight(&self, route: &RouteId) -> Option<Weight> {
        let _ = route;
        None
    }

    /// How the provider is, without asking the store.
    ///
    /// - **Meaning:** for people and gauges. The pulse draws its own conclusions from the results
    ///   it sees.
    /// - **May not:** do any I/O.
    fn health(&self) -> Health {
        Health::Up
    }

    /// Gives the provider an observer to tell what happens behind it.
    ///
    /// - **Meaning:** a provider that goes to its store by itself reports from then on what the
    ///   engine cannot see: its trips ([`SyncFinished`](crate::Event::SyncFinished)), nodes,
    ///   identity, license, and under the name of the store that it degraded and recovered. The
    ///   engine reports what it waits for itself: pulls, and pushes to a provider that does not
    ///   [buffer](Capabilities::buffered) them.
    /// - **Order:** before `connect`; at any other time, too.
    /// - **Repeat-safety:** the latest observer replaces the one before it.
    /// - **Failure leaves behind:** nothing; an observer that panics harms itself alone, because
    ///   the engine hands in one that catches. A provider may keep it for as long as it lives: it
    ///   holds on to nothing of the engine's.
    /// - **May not:** do any I/O, or call the observer while it holds a lock that its own methods
    ///   take.
    fn attach(&self, observer: Arc<dyn Observer>) {
        let _ = observer;
    }

    /// Gives the provider a way to ask what the gates make of the fleet.
    ///
    /// - **Meaning:** for a history that people read. A provider without one has nothing to ask.
    /// - **Order:** before `connect`; at any other time, too.
    /// - **Repeat-safety:** the latest replaces the one before it.
    /// - **Failure leaves behind:** nothing. It holds on to nothing of the engine's; when that is
    ///   gone, the answer is none.
    /// - **May not:** give the answer to peers, put it into a vector, or ask while it holds a lock
    ///   that its own methods take.
    fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        let _ = merged;
    }

    /// What the stores behind this provider have counted, one entry for each.
    ///
    /// - **Meaning:** for people and gauges; empty if there is nothing to say beyond
    ///   [`health`](Self::health).
    /// - **Order:** the same stores in the same order every time, each name once.
    /// - **Repeat-safety:** reading changes nothing; counts never go back.
    /// - **May not:** do any I/O, or wait for I/O of others.
    fn stats(&self) -> Vec<ProviderStats> {
        Vec::new()
    }
}
