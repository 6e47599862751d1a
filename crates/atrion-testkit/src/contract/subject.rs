// SPDX-License-Identifier: Apache-2.0
//! What the suite runs against: a provider, its peer, its time, and how its store is opened again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_state::{FakeClock, ProviderError, StateProvider};

/// A provider under test, over an empty store.
#[derive(Clone)]
pub struct Subject {
    pub(super) provider: Arc<dyn StateProvider>,
    pub(super) peer: Option<Arc<dyn StateProvider>>,
    pub(super) open: Option<Arc<Open>>,
    pub(super) time: Time,
}

type Open = dyn Fn() -> Arc<dyn StateProvider> + Send + Sync;

/// How time passes for the provider's store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Time {
    /// The test moves it.
    Fake(FakeClock),
    /// The store has a clock of its own: the check waits, by tokio's time.
    Real,
}

impl Subject {
    /// A provider and the way its time passes. [`run_all`](super::run_all) connects it.
    ///
    /// For providers that forget when their process ends. A durable one is
    /// [`opened_by`](Self::opened_by) a function.
    #[must_use]
    pub fn new(provider: Arc<dyn StateProvider>, time: Time) -> Self {
        Self { provider, peer: None, open: None, time }
    }

    /// A provider that `open` gives, over a store that outlives it. Each call of `open` begins
    /// another life of the same node over the same store, as a new process would: the provider is
    /// new, keeps nothing that an earlier one had in memory, and is not connected yet.
    #[must_use]
    pub fn opened_by(open: impl Fn() -> Arc<dyn StateProvider> + Send + Sync + 'static, time: Time) -> Self {
        Self { provider: open(), peer: None, open: Some(Arc::new(open)), time }
    }

    /// The same with another *node's* provider over the same store, for checks of what nodes see of
    /// each other.
    #[must_use]
    pub fn with_peer(mut self, peer: Arc<dyn StateProvider>) -> Self {
        self.peer = Some(peer);
        self
    }

    pub(super) async fn connect(&self) -> Result<(), ProviderError> {
        self.provider.connect().await?;
        match &self.peer {
            Some(peer) => peer.connect().await,
            None => Ok(()),
        }
    }

    /// Lets time pass for the store.
    pub(super) async fn pass(&self, span: Duration) {
        match &self.time {
            Time::Fake(clock) => clock.advance(span),
            Time::Real => tokio::time::sleep(span).await,
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("provider", &self.provider)
            .field("peer", &self.peer)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
