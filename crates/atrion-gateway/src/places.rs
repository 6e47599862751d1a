// SPDX-License-Identifier: Apache-2.0
//! How many connections there may be at one time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fixed number of places. Clones share them.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    count: u32,
}

/// A place that is taken until this is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl Places {
    pub(crate) fn new(count: u32) -> Self {
        // Invariant: never closed.
        Self { free: Arc::new(Semaphore::new(count as usize)), count }
    }

    /// Waits for a free place.
    pub(crate) async fn take(&self) -> Option<Place> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Waits until every place is free. None is given meanwhile.
    pub(crate) async fn all_free(&self) {
        drop(self.free.acquire_many(self.count).await);
    }
}
