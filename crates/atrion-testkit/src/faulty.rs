// SPDX-License-Identifier: Apache-2.0
//! A provider that misbehaves on command.

use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_state::{
    BoxFuture, Health, LeaseRecord, PhysicsVector, ProviderError, RouteId, StateProvider, forward_provider,
    lock,
};

mod calls;
pub use calls::Calls;
use calls::{Counters, UnderWay};

mod script;
pub use script::Fault;
use script::Script;

/// Wraps a provider and injects a [`Fault`] into every call that would reach a store.
///
/// Clones share one fault and one set of counts: give one to the code under test and switch the
/// other. Methods that answer from memory pass through (`subscribe`, `view`, `peers`, `sharing`,
/// `published_weight`, `attach`, `attach_merged_scars`, `stats`), and `health` says which fault is
/// injected.
#[derive(Debug, Clone)]
pub struct FaultyProvider {
    shared: Arc<Shared>,
    lists_none: bool,
}

#[derive(Debug)]
struct Shared {
    inner: Arc<dyn StateProvider>,
    script: Mutex<Script>,
    calls: Counters,
    under_way: AtomicUsize,
}

impl FaultyProvider {
    /// Wraps a provider; nothing is injected yet.
    #[must_use]
    pub fn new(inner: impl StateProvider) -> Self {
        Self::wrap(Arc::new(inner))
    }

    /// The same for a provider that is shared already.
    #[must_use]
    pub fn wrap(inner: Arc<dyn StateProvider>) -> Self {
        Self {
            shared: Arc::new(Shared {
                inner,
                script: Mutex::new(Script::always(Fault::None)),
                calls: Counters::default(),
                under_way: AtomicUsize::new(0),
            }),
            lists_none: false,
        }
    }

    /// The same for a store that cannot list its routes, as some cannot: `warm_start` gives none.
    #[must_use]
    pub fn that_lists_none(mut self) -> Self {
        self.lists_none = true;
        self
    }

    /// Injects this fault into every call from now on. Calls that hang already go on hanging.
    pub fn inject(&self, fault: Fault) {
        *self.script() = Script::always(fault);
    }

    /// Everything works again.
    pub fn heal(&self) {
        self.inject(Fault::None);
    }

    /// Flaps: each pair is a fault and the number of calls it lasts; after the last pair the first
    /// follows again. Pairs of no calls are left out; with nothing left, everything works.
    pub fn flap(&self, script: impl IntoIterator<Item = (Fault, u32)>) {
        *self.script() = Script::cycle(script);
    }

    /// How often each method was called so far, faults included.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.shared.calls.read()
    }

    /// Calls whose futures were polled and neither finished nor dropped. A caller that gives up a
    /// hung call brings this back to zero.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.shared.under_way.load(Ordering::SeqCst)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.shared.script)
    }

    /// Counts a call and runs it through the fault that is on. The fault is chosen when the call is
    /// *made*, so that a script is followed in the order of calls, not of polls.
    fn call<'a, T: Send + 'a>(
        &'a self,
        counter: &AtomicU64,
        dropped: Option<T>,
        inner: BoxFuture<'a, Result<T, ProviderError>>,
    ) -> BoxFuture<'a, Result<T, ProviderError>> {
        counter.fetch_add(1, Ordering::SeqCst);
        let suffered = suffer(self.script().next(), dropped, inner);
        Box::pin(async move {
            let _under_way = UnderWay::new(&self.shared.under_way);
            suffered.await
        })
    }
}

async fn suffer<T>(
    fault: Fault,
    dropped: Option<T>,
    inner: BoxFuture<'_, Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    match fault {
        Fault::None => inner.await,
        Fault::Fail => Err(ProviderError::unavailable("faulty", "told to fail")),
        Fault::Reject => Err(ProviderError::rejected("faulty", "told to refuse")),
        Fault::Hang => pending().await,
        Fault::Delay(span) => {
            tokio::time::sleep(span).await;
            inner.await
        }
        Fault::DropWrites => match dropped {
            Some(pretended) => Ok(pretended),
            None => inner.await,
        },
    }
}

impl StateProvider for FaultyProvider {
    forward_provider!(
        self => self.shared.inner,
        capabilities, subscribe, view, peers, sharing, published_weight, attach, attach_merged_scars, stats,
    );

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.call(&self.shared.calls.connect, None, self.shared.inner.connect())
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.call(&self.shared.calls.disconnect, None, self.shared.inner.disconnect())
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        self.call(&self.shared.calls.get_vector, None, self.shared.inner.get_vector(route))
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        let listed = if self.lists_none {
            Box::pin(std::future::ready(Ok(Vec::new())))
        } else {
            self.shared.inner.warm_start()
        };
        self.call(&self.shared.calls.warm_start, None, listed)
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.call(&self.shared.calls.update_vector, Some(()), self.shared.inner.update_vector(route, vector))
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.call(&self.shared.calls.update_batch, Some(()), self.shared.inner.update_batch(batch))
    }

    /// Leases are kept beside the pulse, so these calls are not among those that a script counts.
    fn keep_leases<'a>(&'a self, leases: &'a [LeaseRecord]) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(suffer(self.script().current(), Some(()), self.shared.inner.keep_leases(leases)))
    }

    fn kept_leases(&self) -> BoxFuture<'_, Result<Vec<LeaseRecord>, ProviderError>> {
        Box::pin(suffer(self.script().current(), None, self.shared.inner.kept_leases()))
    }

    fn health(&self) -> Health {
        match self.script().current() {
            // Slow is up, and a store that loses writes does not know it.
            Fault::None | Fault::Delay(_) | Fault::DropWrites => self.shared.inner.health(),
            fault @ (Fault::Fail | Fault::Reject | Fault::Hang) => {
                Health::Degraded { reason: format!("injected: {fault:?}").into() }
            }
        }
    }
}
