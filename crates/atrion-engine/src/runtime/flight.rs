// SPDX-License-Identifier: Apache-2.0
//! Calls of a provider, each in a task of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Batch, PhysicsVector, ProviderError, RouteId, StateProvider};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use tracing::Instrument as _;

pub(super) struct Push {
    pub(super) task: Flying<()>,
    pub(super) batch: Batch,
    pub(super) started: Mono,
}

/// What has to be stored before a store that failed counts as one that works: one that takes some
/// rows and refuses others is as far away as one that takes none.
pub(super) struct Owed {
    /// Routes that were dirty when it failed.
    pub(super) routes: usize,
    /// A push without routes failed.
    pub(super) alone: bool,
}

impl Owed {
    pub(super) fn unless_nothing(self) -> Option<Self> {
        (self.routes > 0 || self.alone).then_some(self)
    }

    /// A push of this many routes went well; those that wait longest go first.
    pub(super) fn pay(self, routes: usize) -> Option<Self> {
        let alone = self.alone && routes > 0;
        Self { routes: self.routes.saturating_sub(routes), alone }.unless_nothing()
    }
}

pub(super) struct Pull {
    pub(super) task: Flying<Vec<(RouteId, PhysicsVector)>>,
    pub(super) routes: Vec<RouteId>,
    pub(super) started: Mono,
}

/// A task of the provider. It ends with its handle: a store that hangs must not keep what it was
/// given.
pub(super) struct Flying<T>(pub(super) JoinHandle<Result<T, ProviderError>>);

impl<T> Drop for Flying<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The provider, and whether it is connected.
pub(super) struct Store {
    pub(super) provider: Arc<dyn StateProvider>,
    pub(super) connected: Arc<AtomicBool>,
}

impl Store {
    pub(super) async fn reach(&self) -> Result<(), ProviderError> {
        // Relaxed: a flight that misses it connects twice, which is connecting once.
        if !self.connected.load(Relaxed) {
            self.provider.connect().await?;
            self.connected.store(true, Relaxed);
        }
        Ok(())
    }
}

/// A task of its own: a provider that panics or blocks takes nothing else along. What the provider
/// logs is in the span.
pub(super) fn fly<T: Send + 'static>(
    span: tracing::Span,
    work: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
) -> Flying<T> {
    Flying(tokio::spawn(work.instrument(span)))
}

/// Waits for a flight to land; for ever if there is none.
pub(super) async fn landed<F, T>(
    flight: &mut Option<F>,
    task: impl FnOnce(&mut F) -> &mut JoinHandle<T>,
) -> Result<T, JoinError> {
    match flight {
        Some(flight) => task(flight).await,
        None => std::future::pending().await,
    }
}

/// A provider that panics has failed like any other.
pub(super) fn flatten<T>(
    joined: Result<Result<T, ProviderError>, JoinError>,
    provider: &'static str,
) -> Result<T, ProviderError> {
    joined
        .unwrap_or_else(|error| Err(ProviderError::unavailable(provider, "its task ended").caused_by(error)))
}

/// Runs a call of a provider in a task of its own, within a budget.
pub(crate) async fn alone<T: Send + 'static>(
    provider: &'static str,
    budget: Duration,
    work: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
) -> Result<T, ProviderError> {
    let mut task = fly(tracing::Span::none(), work);
    match timeout(budget, &mut task.0).await {
        Ok(joined) => flatten(joined, provider),
        Err(_) => Err(ProviderError::Timeout { provider, after: budget }),
    }
}
