// SPDX-License-Identifier: Apache-2.0
//! The free adapter: vectors in this process's memory.

use std::sync::Arc;

use crate::{
    BoxFuture, Capabilities, Clock, Feed, LeaseRecord, PhysicsVector, ProviderError, RouteId, StateProvider,
    Subscription, SystemClock,
};

mod snapshot;
pub use snapshot::MemorySnapshot;

mod store;
pub use store::MemoryStats;
use store::Store;

/// Keeps vectors in memory: the default provider.
///
/// A clone is another handle to the *same* store. Keep one while an engine is torn down and built
/// again, and the new engine starts warm; [`export`](Self::export) and [`import`](Self::import)
/// carry the store across processes.
///
/// The store is bounded (10,000 routes by default). A new route beyond the bound evicts one: a
/// neutral one if there is any (its loss loses nothing), else the one that was not read or written
/// for longest. What faded to neutral since it was written is noticed within a second. Evictions
/// are counted in [`stats`](Self::stats).
///
/// Nothing here waits: every future is ready at once. The store works before `connect` and after
/// `disconnect`; `disconnect` ends this handle's subscriptions and keeps the vectors.
#[derive(Debug)]
pub struct InMemoryProvider {
    store: Arc<Store>,
    // A feed for each handle, so that one engine's end does not end another's subscriptions.
    feed: Arc<Feed>,
}

impl InMemoryProvider {
    /// How many routes the default store holds: as many as an engine does.
    pub const DEFAULT_CAPACITY: usize = 10_000;

    /// An empty store of the default capacity that ages by the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Self::DEFAULT_CAPACITY, Arc::new(SystemClock))
    }

    /// An empty store of `capacity` routes (0 counts as 1) that ages by this clock.
    #[must_use]
    pub fn with(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self::over(Arc::new(Store::new(capacity.max(1), clock)))
    }

    /// An empty store of the default capacity that ages by this clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::with(Self::DEFAULT_CAPACITY, clock)
    }

    /// An empty store of `capacity` routes (0 counts as 1) that ages by the machine's clock.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with(capacity, Arc::new(SystemClock))
    }

    /// Sizes and counts.
    #[must_use]
    pub fn stats(&self) -> MemoryStats {
        self.store.stats()
    }

    /// Forgets every vector. Counts stay.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Forgets one route; says whether it was there.
    pub fn remove(&self, route: &RouteId) -> bool {
        self.store.remove(route)
    }

    /// Everything in the store, with ages as of now.
    #[must_use]
    pub fn export(&self) -> MemorySnapshot {
        self.store.export()
    }

    /// Puts a snapshot into the store, each vector older by `lain`: the time since it was exported,
    /// which only the caller can know (for example from the file's date). Routes that the store
    /// already has stay as they are, because they were learnt later. Returns how many were taken;
    /// the capacity holds.
    pub fn import(&self, snapshot: &MemorySnapshot, lain: std::time::Duration) -> usize {
        self.store.import(snapshot, lain)
    }

    fn over(store: Arc<Store>) -> Self {
        let feed = Arc::new(Feed::default());
        store.attach(&feed);
        Self { store, feed }
    }
}

impl Default for InMemoryProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for InMemoryProvider {
    fn clone(&self) -> Self {
        Self::over(Arc::clone(&self.store))
    }
}

impl StateProvider for InMemoryProvider {
    fn capabilities(&self) -> Capabilities {
        // A batch is split so that the store's lock is not held for long.
        Capabilities::new("memory").subscribes(true).batch_limit(1_024)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async {
            self.feed.close();
            Ok(())
        })
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move { Ok(self.store.get(route)) })
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(async move { Ok(self.store.export().routes) })
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            self.store.put(&[(route, vector)]);
            Ok(())
        })
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            self.store.put(batch);
            Ok(())
        })
    }

    fn keep_leases<'a>(&'a self, leases: &'a [LeaseRecord]) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.store.keep_leases(leases);
        Box::pin(std::future::ready(Ok(())))
    }

    fn kept_leases(&self) -> BoxFuture<'_, Result<Vec<LeaseRecord>, ProviderError>> {
        Box::pin(std::future::ready(Ok(self.store.kept_leases())))
    }

    fn subscribe(&self) -> Option<Subscription> {
        Some(self.feed.subscribe())
    }
}
