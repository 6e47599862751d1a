// SPDX-License-Identifier: Apache-2.0
//! A store in memory that reports what a test tells it to, as a store far away does.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_state::{
    BoxFuture, Capabilities, Event, Health, InMemoryProvider, Observer, ProviderError, ProviderStats,
    StateProvider, forward_provider, lock,
};

/// A provider for tests of its observers: it gives the events, counts and health that a test sets.
///
/// Clones are the same provider.
#[derive(Clone)]
pub struct ReportingProvider(Arc<Inner>);

struct Inner {
    store: InMemoryProvider,
    capabilities: Capabilities,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    observer: Option<Arc<dyn Observer>>,
    health: Health,
    stats: Vec<ProviderStats>,
    on_connect: Option<Event>,
}

impl ReportingProvider {
    /// Keeps vectors in `store` and has these capabilities.
    #[must_use]
    pub fn new(store: InMemoryProvider, capabilities: Capabilities) -> Self {
        Self(Arc::new(Inner { store, capabilities, state: Mutex::default() }))
    }

    /// Gives an event to the attached observer; false if there is none.
    pub fn tell(&self, event: &Event) -> bool {
        let observer = self.state().observer.clone();
        observer.inspect(|observer| observer.on_event(event)).is_some()
    }

    /// Gives this event to the observer at every `connect` from now on.
    pub fn tell_on_connect(&self, event: Event) {
        self.state().on_connect = Some(event);
    }

    /// Has this health from now on.
    pub fn feel(&self, health: Health) {
        self.state().health = health;
    }

    /// Has these counts from now on.
    pub fn count(&self, stats: Vec<ProviderStats>) {
        self.state().stats = stats;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl StateProvider for ReportingProvider {
    forward_provider!(self => self.0.store, disconnect, get_vector, update_vector);

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        let event = self.state().on_connect.clone();
        if let Some(event) = event {
            self.tell(&event);
        }
        self.0.store.connect()
    }

    fn health(&self) -> Health {
        self.state().health.clone()
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.state().observer = Some(observer);
    }

    fn stats(&self) -> Vec<ProviderStats> {
        self.state().stats.clone()
    }
}

impl fmt::Debug for ReportingProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportingProvider")
            .field("capabilities", &self.0.capabilities)
            .finish_non_exhaustive()
    }
}
