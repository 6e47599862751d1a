// SPDX-License-Identifier: Apache-2.0
//! The task that drives a pulse on tokio, for an engine and for a buffer before a store alike. It
//! does what the machine says and reports back; a provider that hangs, fails or panics costs
//! freshness, never a tick.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::{Mono, SplitMix64};
use atrion_state::{Demand, ProviderError, Pulse, PulseConfig, StateProvider, Step};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

mod beside;
pub(crate) use beside::{Deadline, Driven, Watch};

mod patience;
pub(crate) use patience::end_waits;

mod host;
pub(crate) use host::Host;

mod status;
pub(crate) use status::{Status, Stop};

mod flight;
pub(crate) use flight::alone;
use flight::{Owed, Pull, Push, Store, flatten, landed};

mod sync;

pub(crate) struct Driver<H> {
    host: Arc<H>,
    provider: Arc<dyn StateProvider>,
    name: &'static str,
    batch_limit: usize,
    /// A push returns before anything is stored: the provider tells of its own trips.
    is_buffered: bool,
    /// Between two pushes of vectors.
    pace: Duration,
    /// When vectors are pushed next.
    push_due: Mono,
    jitter: SplitMix64,
    pulse: Pulse,
    /// The latest COMPUTE did.
    takes_long: bool,
    config: PulseConfig,
    push: Option<Push>,
    /// What a failed push has left to be stored.
    owed: Option<Owed>,
    pull: Option<Pull>,
    /// `connect` has succeeded, and nothing failed since. Until then every push and pull tries it
    /// first.
    connected: Arc<AtomicBool>,
    status: watch::Sender<Status>,
    line: Line,
    /// What uses the provider beside the pulse, and ends with it.
    beside: Option<JoinHandle<()>>,
}

/// Where a driver is told to stop and to flush.
pub(crate) struct Line {
    pub(crate) stop: watch::Receiver<Stop>,
    pub(crate) flush: mpsc::Receiver<Flush>,
}

/// Push everything, and say how that ended.
pub(crate) type Flush = oneshot::Sender<Result<(), Arc<ProviderError>>>;

/// A COMPUTE of this time or more does not go on a thread of the runtime.
const LONG: Duration = Duration::from_millis(5);

/// COMPUTE, and how long it took.
fn timed(host: &impl Host) -> Duration {
    let begun = host.now();
    host.compute(begun);
    host.now().since(begun)
}

/// In an orderly end the last push and the disconnect may take this long each.
const LAST_BUDGET: Duration = Duration::from_secs(2);
/// Each interval between two pushes is drawn anew: nodes that were started together do not stay
/// together.
const SPREAD: f64 = 0.2;

impl<H: Host> Driver<H> {
    /// A driver that has not called the provider yet.
    pub(crate) fn new(
        host: Arc<H>,
        provider: Arc<dyn StateProvider>,
        config: PulseConfig,
        line: Line,
    ) -> (Self, watch::Receiver<Status>) {
        let (capabilities, now) = (provider.capabilities(), host.now());
        let (status, watcher) = watch::channel(Status::default());
        let driver = Self {
            name: capabilities.name,
            batch_limit: capabilities.batch_limit,
            is_buffered: capabilities.buffered,
            pace: capabilities.write_interval,
            push_due: now,
            jitter: SplitMix64::new(config.jitter_seed()),
            pulse: Pulse::new(config, now),
            takes_long: false,
            push: None,
            owed: None,
            pull: None,
            connected: Arc::default(),
            host,
            provider,
            config,
            status,
            line,
            beside: None,
        };
        (driver, watcher)
    }

    /// Connects and starts warm, within `budget`. A provider that fails is reported and tried again
    /// by the pulse.
    pub(crate) async fn start(&mut self, budget: Duration) {
        if self.provider.demand() != Demand::Rest {
            let began = self.host.now();
            let store = self.store();
            let warm = alone(self.name, budget, async move {
                store.reach().await?;
                store.provider.warm_start().await
            });
            let warm = warm.await.map_err(Arc::new);
            self.tell_of_pull(began, &warm);
            // It begins to beat now, however long that took.
            self.pulse = Pulse::new(self.config, self.host.now());
            match warm {
                Ok(vectors) => self.take_over(vectors),
                Err(error) => self.start_degraded(&error),
            }
        }
        self.status.send_modify(|status| status.started = true);
    }

    /// The provider is not left before this task has ended, which hears of the end by itself.
    pub(crate) fn beside(&mut self, task: JoinHandle<()>) {
        self.beside = Some(task);
    }

    /// Where it is told to stop.
    pub(crate) fn stop(&self) -> watch::Receiver<Stop> {
        self.line.stop.clone()
    }

    /// Runs until it is told to stop; says whether everything was stored by then.
    pub(crate) async fn run(mut self) -> Result<(), ProviderError> {
        let ending = loop {
            let stop = *self.line.stop.borrow_and_update();
            if stop != Stop::No {
                break stop;
            }
            match self.pulse.next(self.host.now()) {
                Step::Compute { .. } => self.compute().await,
                Step::Push => {
                    let is_due = self.host.now() >= self.push_due;
                    self.start_push(if is_due { self.batch_limit } else { 0 });
                }
                Step::Pull => self.start_pull(),
                Step::Abandon { flight, transition } => self.abandon(flight, transition),
                Step::Wait { until } => self.wait(until).await,
            }
        };
        let end = if ending == Stop::Orderly { self.finish().await } else { Ok(()) };
        self.status.send_modify(|status| status.stopped = true);
        end
    }

    /// A COMPUTE that took long is done beside the threads of the runtime the next time: they are the
    /// service's, and a hundred thousand busy routes take longer than its other tasks should wait.
    async fn compute(&mut self) {
        if self.takes_long {
            let host = Arc::clone(&self.host);
            match tokio::task::spawn_blocking(move || timed(&*host)).await {
                Ok(took) => self.takes_long = took >= LONG,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime ends, and the driver with it.
                    Err(_) => return,
                },
            }
        } else {
            self.takes_long = timed(&*self.host) >= LONG;
        }
        self.buffered();
    }

    /// The machine is told what there is to push.
    fn buffered(&mut self) {
        let dirty = self.host.manager().dirty();
        self.pulse.buffered(match self.provider.demand() {
            Demand::Nothing if self.host.now() >= self.push_due => dirty,
            Demand::Nothing | Demand::Rest => 0,
            Demand::Write => 1,
        });
    }

    /// Sleeps, unless a flight lands or the driver is told something.
    async fn wait(&mut self, until: Mono) {
        let nap = until.since(self.host.now());
        let mut nap = pin!(tokio::time::sleep(nap));
        tokio::select! {
            () = &mut nap => {}
            // An error means that the last instance is gone, which the next look will show.
            _ = self.line.stop.changed() => {}
            Some(answer) = self.line.flush.recv() => {
                let mut flushed = self.flush().await;
                if flushed.is_ok() && self.provider.demand() == Demand::Write {
                    flushed = self.push_at_once(0).await.map(drop);
                }
                // The caller may have gone.
                let _ = answer.send(flushed);
            }
            result = landed(&mut self.push, |push| &mut push.task.0) => {
                // Observers and the machine have heard of an error.
                let _ = self.push_landed(flatten(result, self.name));
            }
            result = landed(&mut self.pull, |pull| &mut pull.task.0) => self.pull_landed(flatten(result, self.name)),
        }
    }

    /// The connect was a flight like any other, and it failed: the machine hears of it, so that it
    /// tries again and notices when it works.
    fn start_degraded(&mut self, error: &Arc<ProviderError>) {
        let now = self.host.now();
        self.pulse.push_at_once(now);
        let transition = self.pulse.pushed::<(), ()>(now, &Err(()));
        self.report(transition, Some(error));
    }

    /// Pushes all that is dirty by now, the back-off and the pace notwithstanding.
    ///
    /// A connection that has died unnoticed is found dead by the first push, so that one is tried
    /// again on another connection.
    ///
    /// # Errors
    /// That of the first push that failed on a connection of its own; what it carried is dirty
    /// again.
    async fn flush(&mut self) -> Result<(), Arc<ProviderError>> {
        let was_reached = self.connected.load(Relaxed);
        match self.push_all().await {
            Err(error) if was_reached && matches!(*error, ProviderError::Unavailable { .. }) => {
                self.push_all().await
            }
            end => end,
        }
    }

    async fn push_all(&mut self) -> Result<(), Arc<ProviderError>> {
        // One that is under way carries a part of it.
        self.landing().await?;
        let mut left = self.host.manager().dirty();
        while left > 0 {
            match self.push_at_once(self.batch_limit).await? {
                0 => break,
                pushed => left = left.saturating_sub(pushed),
            }
        }
        Ok(())
    }

    /// Pushes up to so many routes and waits for it; gives how many it were.
    async fn push_at_once(&mut self, limit: usize) -> Result<usize, Arc<ProviderError>> {
        self.pulse.push_at_once(self.host.now());
        self.start_push(limit);
        let routes = self.push.as_ref().map_or(0, |push| push.batch.len());
        self.landing().await.map(|()| routes)
    }

    /// Waits for a push that is under way, as long as a push may take.
    async fn landing(&mut self) -> Result<(), Arc<ProviderError>> {
        if self.push.is_none() {
            return Ok(());
        }
        let after = self.config.push_budget();
        let result = match timeout(after, landed(&mut self.push, |push| &mut push.task.0)).await {
            Ok(result) => flatten(result, self.name),
            Err(_) => Err(ProviderError::Timeout { provider: self.name, after }),
        };
        self.push_landed(result)
    }

    /// The orderly end: a last COMPUTE, everything dirty, disconnect.
    async fn finish(&mut self) -> Result<(), ProviderError> {
        self.host.compute(self.host.now());
        self.pull = None;
        let mut end = Ok(());
        if self.provider.demand() != Demand::Rest {
            let late = ProviderError::Timeout { provider: self.name, after: LAST_BUDGET };
            let flushed = timeout(LAST_BUDGET, self.flush()).await.unwrap_or_else(|_| Err(Arc::new(late)));
            // One that hangs ends here.
            self.push = None;
            if let Err(error) = flushed {
                tracing::warn!(name: "atrion.push.lost", target: "atrion", provider = self.name, %error, "the last push was lost");
                end = Err(error.again());
            }
        }
        if let Some(task) = self.beside.take() {
            // It gives its last call up within a second.
            let _ = timeout(LAST_BUDGET, task).await;
        }
        let provider = Arc::clone(&self.provider);
        let left = alone(self.name, LAST_BUDGET, async move { provider.disconnect().await }).await;
        if let Err(error) = &left {
            tracing::warn!(name: "atrion.disconnect.failed", target: "atrion", provider = self.name, %error, "the provider was left as it was");
        }
        end.and(left)
    }

    fn store(&self) -> Store {
        Store { provider: Arc::clone(&self.provider), connected: Arc::clone(&self.connected) }
    }
}
