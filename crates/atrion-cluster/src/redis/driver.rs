// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The task that talks to the store. It does what two machines say, the connection's and the fleet's, and reports how
//! it ended; whatever goes wrong here costs freshness and nothing else.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Event, Health, ProviderError, SyncOperation};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::census;
use super::error::StoreError;
use super::shared::Shared;
use super::store::Store;
use super::{NAME, seed};
use crate::fleet::{Commit, Committed, Link, LinkEvent, Phase, Step};

mod flight;

mod live;
use live::End;

mod reading;

pub(super) struct Driver {
    shared: Arc<Shared>,
    link: Link,
    store: Option<Store>,
    stop: watch::Receiver<bool>,
    /// When to look at the licence again, when to count clusters, when to look for nodes that came or went.
    licence_due: Mono,
    census_due: Mono,
    notice_due: Mono,
    census: Option<JoinHandle<()>>,
}

/// Opening connections may take as long as several servers that do not answer.
const CONNECT: Duration = Duration::from_secs(3);
/// The last words of a life.
const FAREWELL: Duration = Duration::from_millis(900);
const NOTICE: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        let now = shared.now();
        let link = Link::new(shared.link, now, seed());
        Self {
            shared,
            link,
            store: None,
            stop,
            licence_due: now,
            census_due: now,
            notice_due: now,
            census: None,
        }
    }

    /// Runs until it is told to stop; says whether everything was stored by then.
    pub(super) async fn run(mut self) -> Result<(), ProviderError> {
        let stored = loop {
            self.look_around();
            if *self.stop.borrow_and_update() {
                break self.farewell().await;
            }
            if !self.shared.license.is_granted() {
                self.wait(self.licence_due).await;
                continue;
            }
            let now = self.shared.now();
            let heartbeat = self.shared.fleet().heartbeat();
            let step = self.link.next(heartbeat, now);
            if let Step::Wait { until } = step {
                self.wait(until).await;
                continue;
            }
            let mut stop = self.stop.clone();
            let end = tokio::select! {
                end = self.take(step) => end,
                // A step that is waited for may take seconds. Whoever runs the lanes looks up by itself.
                _ = stop.changed(), if !matches!(step, Step::Run { .. }) => continue,
            };
            let Some(end) = end else { continue };
            let now = self.shared.now();
            match end {
                Ok(()) => self.done(now),
                Err(error) => self.failed(error, now),
            }
        };
        if let Some(census) = self.census.take() {
            census.abort();
        }
        let _ = self.shared.health.send_replace(Health::Disconnected);
        stored
    }

    /// Takes a step; nothing if somebody wants it to stop.
    async fn take(&mut self, step: Step) -> Option<Result<(), StoreError>> {
        Some(match step {
            Step::Connect => self.connect().await,
            Step::Subscribe => self.subscribe().await,
            Step::Pull => self.pull().await,
            Step::Push => self.push().await,
            Step::Run { .. } => match self.live().await {
                End::Stopped => return None,
                End::Broken(error) => Err(error),
            },
            Step::Wait { .. } => Ok(()),
        })
    }

    fn done(&mut self, now: Mono) {
        let event = self.link.done(now);
        if self.link.phase() == Phase::Live {
            self.shared.fleet().go_live(now);
            let _ = self.shared.health.send_replace(Health::Up);
        }
        if let Some(LinkEvent::Recovered { outage }) = event {
            self.shared.tell(&Event::ProviderRecovered { provider: NAME, outage });
        }
    }

    fn failed(&mut self, error: StoreError, now: Mono) {
        self.store = None;
        self.shared.endpoint.failed();
        self.shared.fleet().disconnected(now);
        let reason = error.reason();
        let event = self.link.failed(&reason, now);
        let _ = self.shared.health.send_replace(Health::Degraded { reason: reason.into() });
        if event.is_some() {
            let error = Arc::new(error.into_provider_error());
            self.shared.tell(&Event::ProviderDegraded { provider: NAME, error });
        }
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let open = Store::open(&shared.endpoint, &shared.keys, shared.key.as_ref());
        self.store = Some(limited(CONNECT, open).await?);
        Ok(())
    }

    async fn subscribe(&mut self) -> Result<(), StoreError> {
        match &mut self.store {
            Some(store) => store.subscribe().await,
            None => Err(lost()),
        }
    }

    /// The own record, whole.
    async fn push(&mut self) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Err(lost()) };
        let now = self.shared.now();
        let commit = self.shared.fleet().push(now);
        let result = store.commit(&commit).await;
        self.commit_landed(now, routes(&commit), result)
    }

    /// A commit is over: the machine hears of it, and whoever listens.
    fn commit_landed(
        &self,
        began: Mono,
        routes: usize,
        result: Result<usize, StoreError>,
    ) -> Result<(), StoreError> {
        let end = match &result {
            Ok(added) => Committed::Stored { added: *added },
            Err(_) => Committed::Failed,
        };
        let now = self.shared.now();
        self.shared.fleet().committed(end, now);
        self.report(SyncOperation::Push, began, routes, &result);
        result.map(drop)
    }

    /// Everything that is not stored yet, and goodbye.
    async fn farewell(&mut self) -> Result<(), ProviderError> {
        let now = self.shared.now();
        let (Some(store), Phase::Live) = (&self.store, self.link.phase()) else {
            self.shared.fleet().disconnected(now);
            if self.shared.license.is_granted() && self.shared.fleet().lag(now) > Duration::ZERO {
                return Err(ProviderError::unavailable(NAME, "the last changes were not stored"));
            }
            return Ok(());
        };
        let commit = self.shared.fleet().leave(now);
        let result = limited(FAREWELL, store.commit(&commit)).await;
        let result = self.commit_landed(now, routes(&commit), result);
        let now = self.shared.now();
        self.shared.fleet().disconnected(now);
        result.map_err(StoreError::into_provider_error)
    }

    /// What is due beside the connection: the licence, the count of clusters, nodes that came and went.
    fn look_around(&mut self) {
        let (now, wall) = (self.shared.now(), self.shared.wall());
        if now >= self.licence_due {
            if let Some(event) = self.shared.license.poll(wall) {
                self.shared.tell(&event);
            }
            if !self.shared.license.is_granted() {
                let reason =
                    self.shared.license.refusal().map_or_else(String::new, |error| error.to_string());
                let reason = format!("state stays in memory without a licence: {reason}");
                let _ = self.shared.health.send_replace(Health::Degraded { reason: reason.into() });
            }
            self.licence_due = now.after(self.shared.license.next_due(wall));
        }
        if now >= self.notice_due {
            self.shared.notice();
            self.notice_due = now.after(NOTICE);
        }
        let counted = self.census.as_ref().is_none_or(JoinHandle::is_finished);
        if now >= self.census_due && counted && self.link.phase() == Phase::Live {
            self.census_due = now.after(census::EVERY);
            let shared = Arc::clone(&self.shared);
            self.census = Some(tokio::spawn(async move {
                if let Err(error) = census::count(&shared).await {
                    tracing::debug!(target: "atrion", provider = NAME, reason = error.reason(), "clusters were not counted");
                }
            }));
        }
    }

    fn next_look(&self) -> Mono {
        self.licence_due.min(self.notice_due)
    }

    /// Waits, unless somebody wants it to stop.
    async fn wait(&mut self, until: Mono) {
        let until = until.min(self.next_look());
        let nap = until.since(self.shared.now()).max(LEAST_NAP);
        tokio::select! {
            () = sleep(nap) => {}
            _ = self.stop.changed() => {}
        }
    }

    fn report<T>(
        &self,
        operation: SyncOperation,
        began: Mono,
        routes: usize,
        result: &Result<T, StoreError>,
    ) {
        let duration = self.shared.now().since(began);
        let result = match result {
            Ok(_) => Ok(()),
            Err(error) => Err(Arc::new(ProviderError::unavailable(NAME, error.reason()))),
        };
        self.shared.tell(&Event::SyncFinished { provider: NAME, operation, duration, routes, result });
    }
}

/// A machine that is due all the time must not keep a core busy.
const LEAST_NAP: Duration = Duration::from_millis(1);

async fn limited<T>(
    span: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(span, call).await.unwrap_or(Err(StoreError::Timeout { after: span }))
}

fn routes(commit: &Commit) -> usize {
    commit.messages.iter().map(|message| message.entries.len()).sum()
}

fn lost() -> StoreError {
    StoreError::Other("the connection is gone".to_owned())
}
