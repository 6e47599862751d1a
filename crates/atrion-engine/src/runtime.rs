// SPDX-License-Identifier: Apache-2.0
//! The task that drives the pulse on tokio. It does what the machine says and reports back; a provider that hangs,
//! fails or panics costs freshness, never a tick.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{
    Batch, Event, Flight, PhysicsVector, ProviderError, Pulse, PulseConfig, RouteId, StateProvider, Step,
    SyncOperation, Transition,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::atrion::Stop;
use crate::engine::Engine;

/// What the driver says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) degraded: bool,
    /// Since when there has been something that the store has not taken.
    pub(crate) behind_since: Option<Mono>,
    pub(crate) stopped: bool,
}

pub(crate) struct Driver {
    engine: Arc<Engine>,
    provider: Arc<dyn StateProvider>,
    name: &'static str,
    batch_limit: usize,
    /// A push returns before anything is stored: the provider tells of its own trips.
    is_buffered: bool,
    pulse: Pulse,
    config: PulseConfig,
    push: Option<Push>,
    pull: Option<Pull>,
    /// `connect` has succeeded. Until it has, every push and pull tries it first.
    connected: Arc<AtomicBool>,
    status: watch::Sender<Status>,
    stop: watch::Receiver<Stop>,
}

struct Push {
    task: Flying<()>,
    batch: Batch,
    started: Mono,
}

struct Pull {
    task: Flying<Vec<(RouteId, PhysicsVector)>>,
    routes: Vec<RouteId>,
    started: Mono,
}

/// A task of the provider's. It ends with its handle: a store that hangs must not keep what it was given for ever.
struct Flying<T>(JoinHandle<Result<T, ProviderError>>);

impl<T> Drop for Flying<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// In an orderly end the last push and the disconnect may take so long each.
const LAST_BUDGET: Duration = Duration::from_secs(2);

impl Driver {
    /// Connects and starts warm, each within `budget`. A provider that fails is told about and tried again by the pulse.
    pub(crate) async fn connect(
        engine: Arc<Engine>,
        provider: Arc<dyn StateProvider>,
        config: PulseConfig,
        stop: watch::Receiver<Stop>,
        budget: Duration,
    ) -> (Self, watch::Receiver<Status>) {
        let capabilities = provider.capabilities();
        let (status, watcher) = watch::channel(Status::default());
        let mut driver = Self {
            name: capabilities.name,
            batch_limit: capabilities.batch_limit,
            is_buffered: capabilities.buffered,
            pulse: Pulse::new(config, engine.now()),
            push: None,
            pull: None,
            connected: Arc::default(),
            engine,
            provider,
            config,
            status,
            stop,
        };
        driver.engine.listen_to(Arc::clone(&driver.provider));
        let started = driver.engine.now();
        let warm = driver.detached(budget, |store| async move {
            store.reach().await?;
            store.provider.warm_start().await
        });
        let warm = warm.await.map_err(Arc::new);
        driver.tell_of_pull(started, &warm);
        // It begins to beat now, however long that took.
        driver.pulse = Pulse::new(config, driver.engine.now());
        match warm {
            Ok(vectors) => driver.take_over(vectors),
            Err(error) => driver.start_degraded(&error),
        }
        (driver, watcher)
    }

    pub(crate) async fn run(mut self) {
        let ending = loop {
            let stop = *self.stop.borrow_and_update();
            if stop != Stop::No {
                break stop;
            }
            match self.pulse.next(self.engine.now()) {
                Step::Compute { .. } => self.compute(),
                Step::Push => self.start_push(),
                Step::Pull => self.start_pull(),
                Step::Abandon { flight, transition } => self.abandon(flight, transition),
                Step::Wait { until } => self.wait(until).await,
            }
        };
        if ending == Stop::Orderly {
            self.finish().await;
        }
        self.status.send_modify(|status| status.stopped = true);
    }

    fn compute(&mut self) {
        let started = self.engine.now();
        let report = self.engine.pulse(started);
        self.buffered(report.dirty);
        let (routes, dirty) = (report.computed, report.dirty);
        let duration = self.engine.now().since(started);
        self.engine.tell(|| Event::PulseFinished { duration, routes, dirty });
    }

    /// The machine hears what there is to push, and whoever looks hears since when.
    fn buffered(&mut self, dirty: usize) {
        self.pulse.buffered(dirty);
        let is_behind = dirty > 0 || self.push.is_some();
        let now = self.engine.now();
        self.status.send_if_modified(|status| {
            let changed = status.behind_since.is_some() != is_behind;
            if changed {
                status.behind_since = is_behind.then_some(now);
            }
            // Nobody waits for it.
            false
        });
    }

    fn start_push(&mut self) {
        let started = self.engine.now();
        let batch = self.engine.manager().take_dirty(self.batch_limit, started);
        let (store, vectors) = (self.store(), batch.vectors().to_vec());
        let span = tracing::debug_span!(
            target: "atrion", parent: None, "atrion.state.push", provider = self.name, routes = vectors.len()
        );
        let task = fly(span, async move {
            store.reach().await?;
            store.provider.update_batch(&vectors).await
        });
        self.push = Some(Push { task, batch, started });
    }

    fn start_pull(&mut self) {
        let started = self.engine.now();
        let routes = self.engine.take_cold();
        if routes.is_empty() && !self.pulse.is_degraded() {
            // Nobody has asked for anything: that is a pull that went well.
            self.pulse.pulled::<(), ()>(started, &Ok(()));
            return;
        }
        let (store, wanted) = (self.store(), routes.clone());
        let span = tracing::debug_span!(
            target: "atrion", parent: None, "atrion.state.pull", provider = self.name, routes = wanted.len()
        );
        let task = fly(span, async move {
            store.reach().await?;
            let mut found = Vec::new();
            for route in wanted {
                match store.provider.get_vector(&route).await {
                    Ok(Some(vector)) => found.push((route, vector)),
                    Ok(None) => {}
                    // A cold start for this one is no reason for the others to start cold.
                    Err(error @ ProviderError::Corrupt { .. }) => {
                        tracing::warn!(name: "atrion.vector.corrupt", target: "atrion", %error, "a stored vector was left alone");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        });
        self.pull = Some(Pull { task, routes, started });
    }

    /// Sleeps, unless a flight lands or somebody wants the driver to stop.
    async fn wait(&mut self, until: Mono) {
        let nap = until.since(self.engine.now());
        let mut nap = pin!(tokio::time::sleep(nap));
        tokio::select! {
            () = &mut nap => {}
            // An error means that the last instance is gone without a word, which the next look will show.
            _ = self.stop.changed() => {}
            result = landed(&mut self.push, |push| &mut push.task.0) => self.push_landed(flatten(result, self.name)),
            result = landed(&mut self.pull, |pull| &mut pull.task.0) => self.pull_landed(flatten(result, self.name)),
        }
    }

    fn push_landed(&mut self, result: Result<(), ProviderError>) {
        let Some(Push { batch, started, .. }) = self.push.take() else { return };
        let now = self.engine.now();
        let transition = self.pulse.pushed(now, &result);
        let routes = batch.len();
        // What a store refuses for good would be refused for ever: it waits for its route to change.
        if result.as_ref().is_err_and(ProviderError::is_retryable) {
            self.engine.manager().mark_failed(batch);
        }
        let result = result.map_err(Arc::new);
        self.report(transition, result.as_ref().err());
        if result.is_ok() && routes < self.batch_limit {
            // Everything that was there is stored: what is left has come since.
            self.status.send_if_modified(|status| {
                status.behind_since = status.behind_since.map(|_| started);
                false
            });
        }
        if !self.is_buffered {
            self.tell_of_sync(SyncOperation::Push, started, routes, result);
        }
        self.buffered(self.engine.manager().dirty());
    }

    fn pull_landed(&mut self, result: Result<Vec<(RouteId, PhysicsVector)>, ProviderError>) {
        let Some(Pull { started, routes, .. }) = self.pull.take() else { return };
        let now = self.engine.now();
        let transition = self.pulse.pulled(now, &result);
        if result.as_ref().is_err_and(ProviderError::is_retryable) {
            self.engine.ask_again(routes);
        }
        let result = result.map_err(Arc::new);
        self.report(transition, result.as_ref().err());
        self.tell_of_pull(started, &result);
        if let Ok(vectors) = result {
            self.take_over(vectors);
        }
    }

    fn tell_of_pull(
        &self,
        started: Mono,
        result: &Result<Vec<(RouteId, PhysicsVector)>, Arc<ProviderError>>,
    ) {
        let routes = result.as_ref().map_or(0, Vec::len);
        self.tell_of_sync(
            SyncOperation::Pull,
            started,
            routes,
            result.as_ref().map(drop).map_err(Arc::clone),
        );
    }

    fn tell_of_sync(
        &self,
        operation: SyncOperation,
        started: Mono,
        routes: usize,
        result: Result<(), Arc<ProviderError>>,
    ) {
        let (provider, duration) = (self.name, self.engine.now().since(started));
        self.engine.tell(|| Event::SyncFinished { provider, operation, duration, routes, result });
    }

    fn abandon(&mut self, flight: Flight, transition: Option<Transition>) {
        let (operation, after) = match flight {
            Flight::Push => (SyncOperation::Push, self.config.push_budget()),
            Flight::Pull => (SyncOperation::Pull, self.config.pull_budget()),
        };
        let error = Arc::new(ProviderError::Timeout { provider: self.name, after });
        self.report(transition, Some(&error));
        match flight {
            Flight::Push => {
                if let Some(Push { batch, started, .. }) = self.push.take() {
                    let routes = batch.len();
                    self.engine.manager().mark_failed(batch);
                    self.tell_of_sync(operation, started, routes, Err(error));
                }
            }
            Flight::Pull => {
                if let Some(Pull { routes, started, .. }) = self.pull.take() {
                    self.engine.ask_again(routes);
                    self.tell_of_sync(operation, started, 0, Err(error));
                }
            }
        }
    }

    fn take_over(&self, vectors: Vec<(RouteId, PhysicsVector)>) {
        for (route, vector) in vectors {
            self.engine.restore(&route, vector);
        }
    }

    fn report(&self, transition: Option<Transition>, error: Option<&Arc<ProviderError>>) {
        let provider = self.name;
        match (transition, error) {
            (Some(Transition::Degraded { .. }), Some(error)) => {
                self.status.send_modify(|status| status.degraded = true);
                self.engine.tell(|| Event::ProviderDegraded { provider, error: Arc::clone(error) });
            }
            (Some(Transition::Recovered { outage }), _) => {
                self.status.send_modify(|status| status.degraded = false);
                self.engine.tell(|| Event::ProviderRecovered { provider, outage });
            }
            _ => {}
        }
    }

    /// The connect was a flight like any other, and it failed: the machine hears of it, so that it tries again and
    /// notices when it works.
    fn start_degraded(&mut self, error: &Arc<ProviderError>) {
        let now = self.engine.now();
        self.pulse.buffered(1);
        if self.pulse.next(now) == Step::Push {
            let transition = self.pulse.pushed::<(), ()>(now, &Err(()));
            self.report(transition, Some(error));
        }
    }

    /// The orderly end: a last COMPUTE, everything dirty, disconnect.
    async fn finish(&mut self) {
        self.engine.pulse(self.engine.now());
        if let Some(push) = self.push.take() {
            self.engine.manager().mark_failed(push.batch);
        }
        self.pull = None;
        let (engine, limit) = (Arc::clone(&self.engine), self.batch_limit);
        let flushed = self.detached(LAST_BUDGET, move |store| async move {
            store.reach().await?;
            loop {
                let batch = engine.manager().take_dirty(limit, engine.now());
                if batch.is_empty() {
                    return Ok(());
                }
                store.provider.update_batch(batch.vectors()).await?;
            }
        });
        if let Err(error) = flushed.await {
            tracing::warn!(name: "atrion.push.lost", target: "atrion", provider = self.name, %error, "the last push was lost");
        }
        let left = self.detached(LAST_BUDGET, |store| async move { store.provider.disconnect().await });
        if let Err(error) = left.await {
            tracing::warn!(name: "atrion.disconnect.failed", target: "atrion", provider = self.name, %error, "the provider was left as it was");
        }
    }

    /// Runs something of the provider's in a task of its own, within a budget.
    async fn detached<T, F>(
        &self,
        budget: Duration,
        work: impl FnOnce(Store) -> F,
    ) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        let mut task = fly(tracing::Span::none(), work(self.store()));
        match timeout(budget, &mut task.0).await {
            Ok(joined) => flatten(joined, self.name),
            Err(_) => Err(ProviderError::Timeout { provider: self.name, after: budget }),
        }
    }

    fn store(&self) -> Store {
        Store { provider: Arc::clone(&self.provider), connected: Arc::clone(&self.connected) }
    }
}

/// The provider, and whether it is connected.
struct Store {
    provider: Arc<dyn StateProvider>,
    connected: Arc<AtomicBool>,
}

impl Store {
    async fn reach(&self) -> Result<(), ProviderError> {
        // Relaxed: whoever misses it connects twice, which is connecting once.
        if !self.connected.load(Relaxed) {
            self.provider.connect().await?;
            self.connected.store(true, Relaxed);
        }
        Ok(())
    }
}

/// A task of its own: a provider that panics or blocks takes nothing else along. What the provider logs is in the span.
fn fly<T: Send + 'static>(
    span: tracing::Span,
    work: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
) -> Flying<T> {
    Flying(tokio::spawn(work.instrument(span)))
}

/// Waits for a flight to land; for ever if there is none.
async fn landed<F, T>(
    flight: &mut Option<F>,
    task: impl FnOnce(&mut F) -> &mut JoinHandle<T>,
) -> Result<T, tokio::task::JoinError> {
    match flight {
        Some(flight) => task(flight).await,
        None => std::future::pending().await,
    }
}

/// A provider that panics has failed like any other.
fn flatten<T>(
    joined: Result<Result<T, ProviderError>, tokio::task::JoinError>,
    provider: &'static str,
) -> Result<T, ProviderError> {
    joined
        .unwrap_or_else(|error| Err(ProviderError::unavailable(provider, "its task ended").caused_by(error)))
}
