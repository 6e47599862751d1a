// SPDX-License-Identifier: Apache-2.0
//! Write-behind: a provider that answers from memory, before a store that takes its time.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{
    BoxFuture, Capabilities, Clock, Event, Health, InMemoryProvider, LeaseRecord, Observer, PhysicsVector,
    ProviderError, ProviderStats, PulseConfig, RouteId, StateManager, StateProvider, Subscription,
    SystemClock, forward_provider, lock,
};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::runtime::{Driver, Flush, Host, Line, Status, Stop, alone};

/// Keeps vectors in memory and writes them to a store behind the caller's back.
///
/// An instance does this for its own provider. This is for a store below another provider, such as
/// a layer of several: what is slow or fails there neither delays nor loses what the others take.
///
/// - An update is accepted at once. A task pushes what is dirty, at the store's
///   [pace](Capabilities::write_interval), each push within its budget; what fails stays dirty and
///   is pushed again with back-off.
/// - That the store fails, and that it works again, is told once each, as
///   [`ProviderDegraded`](Event::ProviderDegraded) and
///   [`ProviderRecovered`](Event::ProviderRecovered), and shown by [`health`](StateProvider::health).
/// - Memory is bounded by routes: the buffer is a set of routes, and not a queue of values.
///
/// ```
/// use atrion_engine::WriteBehind;
/// use atrion_state::{InMemoryProvider, StateProvider};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = InMemoryProvider::new(); // or one of your own
/// let behind = WriteBehind::new(store.clone());
/// behind.connect().await?;
/// # let (route, vector) = (atrion_state::RouteId::new("GET /orders")?, atrion_state::PhysicsVector::new(
/// #     atrion_core::Mode::Operational, atrion_core::Ohms::ZERO, atrion_core::Ohms::ZERO));
/// behind.update_vector(route.clone(), vector).await?; // waits for nothing
/// behind.flush().await?;
/// assert!(store.get_vector(&route).await?.is_some());
/// # behind.disconnect().await?;
/// # Ok(())
/// # }
/// ```
pub struct WriteBehind<S> {
    store: Arc<S>,
    buffer: Arc<Buffer>,
    pulse: PulseConfig,
    /// A lock, because connecting and disconnecting may be called at once. It is not held while
    /// either waits.
    task: Mutex<Option<Task>>,
}

struct Buffer {
    manager: Arc<StateManager>,
    clock: Arc<dyn Clock>,
    observer: Mutex<Arc<dyn Observer>>,
}

struct Task {
    stop: watch::Sender<Stop>,
    flush: mpsc::Sender<Flush>,
    status: watch::Receiver<Status>,
    ended: JoinHandle<Result<(), ProviderError>>,
}

/// The port allows a second; the caller needs some of it for itself.
const CONNECT: Duration = Duration::from_millis(900);
/// The port allows two seconds.
const DISCONNECT: Duration = Duration::from_millis(1_900);
/// Callers that flush at once.
const FLUSHES: usize = 16;

impl<S: StateProvider> WriteBehind<S> {
    /// A buffer before this store, for 10,000 routes. It connects when it is connected.
    #[must_use]
    pub fn new(store: S) -> Self {
        let manager = StateManager::with_capacity(InMemoryProvider::DEFAULT_CAPACITY);
        Self::over(Arc::new(store), Arc::new(manager), Arc::new(SystemClock))
    }

    /// The same with a buffer and a clock that the caller goes on using. What the buffer has of a
    /// route is what `get_vector` gives.
    #[must_use]
    pub fn over(store: Arc<S>, manager: Arc<StateManager>, clock: Arc<dyn Clock>) -> Self {
        let buffer = Buffer { manager, clock, observer: Mutex::new(Arc::new(())) };
        // Nothing is read ahead: a route is asked for when a caller asks for it.
        let pulse = PulseConfig::default().without_pull();
        Self { store, buffer: Arc::new(buffer), pulse, task: Mutex::default() }
    }

    /// The same with this interval between looks at what is dirty, this budget for a push, and this
    /// seed of the back-off. Every node needs a seed of its own.
    #[must_use]
    pub fn pulse(mut self, pulse: PulseConfig) -> Self {
        self.pulse = pulse.without_pull();
        self
    }

    /// The store behind.
    #[must_use]
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Pushes everything that is dirty by now, and waits for it.
    ///
    /// # Errors
    /// [`ProviderError`] if that failed, or if nothing is connected; what was dirty still is.
    pub async fn flush(&self) -> Result<(), ProviderError> {
        let gone = || ProviderError::Disconnected { provider: self.name() };
        let Some(orders) = self.task().as_ref().map(|task| task.flush.clone()) else { return Err(gone()) };
        let (answer, answered) = oneshot::channel();
        orders.send(answer).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(|error| error.again())
    }

    /// For how long the store has lacked anything, what is being pushed included.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let status = self.status().unwrap_or_default();
        status.lag(&self.buffer.manager, self.buffer.now())
    }

    /// What failed last, as long as something does.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<ProviderError>> {
        self.status()?.failure
    }

    /// Starts the task, if it does not run. Gives its status.
    fn start(&self) -> Result<watch::Receiver<Status>, ProviderError> {
        let mut running = self.task();
        if let Some(task) = running.as_ref().filter(|task| !task.ended.is_finished()) {
            return Ok(task.status.clone());
        }
        let no_runtime =
            |_| ProviderError::rejected(self.name(), "it needs a tokio runtime: connect from within one");
        let runtime = Handle::try_current().map_err(no_runtime)?;
        let ((stop, stopping), (flush, flushes)) = (watch::channel(Stop::No), mpsc::channel(FLUSHES));
        let (line, mut stopped) = (Line { stop: stopping.clone(), flush: flushes }, stopping);
        let store: Arc<dyn StateProvider> = Arc::clone(&self.store) as _;
        let (mut driver, status) = Driver::new(Arc::clone(&self.buffer), store, self.pulse, line);
        let budget = self.pulse.push_budget();
        let ended = runtime.spawn(async move {
            tokio::select! {
                () = driver.start(budget) => {}
                _ = stopped.changed() => {}
            }
            driver.run().await
        });
        *running = Some(Task { stop, flush, status: status.clone(), ended });
        Ok(status)
    }

    /// Asks the store, in a task of its own.
    async fn ask<T, F>(&self, work: impl FnOnce(Arc<S>) -> F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        alone(self.name(), CONNECT, work(Arc::clone(&self.store))).await
    }

    fn name(&self) -> &'static str {
        self.store.capabilities().name
    }

    fn status(&self) -> Option<Status> {
        self.task().as_ref().map(|task| task.status.borrow().clone())
    }
}

impl<S> WriteBehind<S> {
    fn task(&self) -> std::sync::MutexGuard<'_, Option<Task>> {
        lock(&self.task)
    }
}

impl<S: StateProvider> StateProvider for WriteBehind<S> {
    forward_provider!(self => self.store, view, peers, sharing, published_weight, attach_merged_scars);

    fn capabilities(&self) -> Capabilities {
        let store = self.store.capabilities();
        // A feed that this process alone writes to is that of its pushes, and they come late.
        let subscribes = store.subscribes && store.shared;
        store.subscribes(subscribes).buffered(true).write_interval(Duration::ZERO)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async {
            let mut status = self.start()?;
            let settled = status.wait_for(|status| status.started);
            match timeout(CONNECT, settled).await {
                Ok(Ok(status)) => match &status.failure {
                    Some(error) if !error.is_retryable() => Err(error.again()),
                    _ => Ok(()),
                },
                // Not settled yet: the task goes on by itself.
                _ => Ok(()),
            }
        })
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async {
            let Some(mut task) = self.task().take() else { return Ok(()) };
            let _ = task.stop.send(Stop::Orderly);
            match timeout(DISCONNECT, &mut task.ended).await {
                Ok(Ok(end)) => end,
                Ok(Err(error)) => {
                    Err(ProviderError::unavailable(self.name(), "its task ended").caused_by(error))
                }
                Err(_) => {
                    task.ended.abort();
                    Err(ProviderError::Timeout { provider: self.name(), after: DISCONNECT })
                }
            }
        })
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move {
            let known = self.buffer.manager.get(route, self.buffer.now());
            if known.is_some() {
                return Ok(known);
            }
            let wanted = route.clone();
            let found = self.ask(|store| async move { store.get_vector(&wanted).await }).await?;
            self.buffer.manager.restore(route, found, self.buffer.now());
            Ok(found)
        })
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(async {
            let found = self.ask(|store| async move { store.warm_start().await }).await?;
            found.into_iter().for_each(|(route, vector)| self.buffer.restore(&route, vector));
            Ok(self.buffer.manager.all(self.buffer.now()))
        })
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.buffer.manager.put(&route, vector, self.buffer.now());
        Box::pin(std::future::ready(Ok(())))
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let now = self.buffer.now();
        batch.iter().for_each(|(route, vector)| self.buffer.manager.put(route, *vector, now));
        Box::pin(std::future::ready(Ok(())))
    }

    fn keep_leases<'a>(&'a self, leases: &'a [LeaseRecord]) -> BoxFuture<'a, Result<(), ProviderError>> {
        let leases: Vec<_> = leases.to_vec();
        Box::pin(self.ask(|store| async move { store.keep_leases(&leases).await }))
    }

    fn kept_leases(&self) -> BoxFuture<'_, Result<Vec<LeaseRecord>, ProviderError>> {
        Box::pin(self.ask(|store| async move { store.kept_leases().await }))
    }

    fn subscribe(&self) -> Option<Subscription> {
        self.store.subscribe().filter(|_| self.capabilities().subscribes)
    }

    fn health(&self) -> Health {
        match (self.store.health(), self.status()) {
            (_, None) => Health::Disconnected,
            (Health::Up | Health::Disconnected, Some(status)) => status.health(),
            (degraded, _) => degraded,
        }
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.store.attach(Arc::clone(&observer));
        let earlier = std::mem::replace(&mut *lock(&self.buffer.observer), observer);
        // Outside of our lock: an observer may do anything when it is dropped.
        drop(earlier);
    }

    fn stats(&self) -> Vec<ProviderStats> {
        let stats = self.store.stats();
        if stats.is_empty() {
            vec![ProviderStats::new(self.name()).health(self.health()).lag(self.lag())]
        } else {
            stats
        }
    }
}

/// The task does not hold the provider, so it is told to stop. It ends in order in the background.
impl<S> Drop for WriteBehind<S> {
    fn drop(&mut self) {
        if let Some(task) = self.task().take() {
            let _ = task.stop.send(Stop::Orderly);
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for WriteBehind<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBehind").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Host for Buffer {
    fn now(&self) -> Mono {
        self.clock.now()
    }

    fn manager(&self) -> &StateManager {
        &self.manager
    }

    fn restore(&self, route: &RouteId, found: PhysicsVector) {
        self.manager.restore(route, Some(found), self.now());
    }

    fn tell(&self, event: Event) {
        let observer = Arc::clone(&*lock(&self.observer));
        observer.on_event(&event);
    }
}
