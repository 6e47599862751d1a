// SPDX-License-Identifier: Apache-2.0
//! The task that drives the pulse on tokio. It does what the machine says and reports back; a
//! provider that hangs, fails or panics costs freshness, never a tick.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Event, ProviderError, Pulse, PulseConfig, StateProvider, Step};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::engine::Engine;

mod status;
pub(crate) use status::{Status, Stop};

mod flight;
use flight::{Pull, Push, Store, flatten, fly, landed};

mod sync;

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

/// In an orderly end the last push and the disconnect may take this long each.
const LAST_BUDGET: Duration = Duration::from_secs(2);

impl Driver {
    /// Connects and starts warm, each within `budget`. A provider that fails is reported and tried
    /// again by the pulse.
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

    /// The machine is told what there is to push, and the status says since when.
    fn buffered(&mut self, dirty: usize) {
        self.pulse.buffered(dirty);
        let is_behind = dirty > 0 || self.push.is_some();
        let now = self.engine.now();
        self.status.send_if_modified(|status| {
            let changed = status.behind_since.is_some() != is_behind;
            if changed {
                status.behind_since = is_behind.then_some(now);
            }
            // Nothing waits for it.
            false
        });
    }

    /// Sleeps, unless a flight lands or the driver is to stop.
    async fn wait(&mut self, until: Mono) {
        let nap = until.since(self.engine.now());
        let mut nap = pin!(tokio::time::sleep(nap));
        tokio::select! {
            () = &mut nap => {}
            // An error means that the last instance is gone, which the next look will show.
            _ = self.stop.changed() => {}
            result = landed(&mut self.push, |push| &mut push.task.0) => self.push_landed(flatten(result, self.name)),
            result = landed(&mut self.pull, |pull| &mut pull.task.0) => self.pull_landed(flatten(result, self.name)),
        }
    }

    /// The connect was a flight like any other, and it failed: the machine hears of it, so that it
    /// tries again and notices when it works.
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

    /// Runs a call of the provider in a task of its own, within a budget.
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
