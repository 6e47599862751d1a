// SPDX-License-Identifier: Apache-2.0
//! A store in memory that reports what a test tells it to, as a store far away does.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_core::Peer;
use atrion_state::{
    BoxFuture, Capabilities, Event, Health, InMemoryProvider, Liveness, Observer, ProviderError,
    ProviderStats, RouteId, Sharing, StateProvider, forward_provider, lock,
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
    peers: HashMap<RouteId, Vec<Peer>>,
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

    /// Has these peers on a route from now on.
    pub fn hear(&self, route: RouteId, peers: Vec<Peer>) {
        self.state().peers.insert(route, peers);
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
    forward_provider!(self => self.0.store, disconnect, get_vector, update_vector, keep_leases, kept_leases);

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

    fn peers(&self, route: &RouteId, _: &Liveness, peers: &mut Vec<Peer>) {
        peers.extend(self.state().peers.get(route).into_iter().flatten());
    }

    /// Nobody listens where nobody is heard.
    fn sharing(&self) -> Option<Sharing> {
        (!self.state().peers.is_empty()).then(Sharing::default)
    }
}

impl fmt::Debug for ReportingProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportingProvider")
            .field("capabilities", &self.0.capabilities)
            .finish_non_exhaustive()
    }
}
