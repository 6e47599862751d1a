// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The worker that talks to the store. It does what two machines say, the connection's and the
//! fleet's, and reports how that ended. What goes wrong here costs freshness and nothing else.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Event, ProviderError, SyncOperation, Turn};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::census;
use super::error::StoreError;
use super::session::{Session, Stored};
use super::shared::Shared;
use super::status::Connection;
use super::{NAME, seed};
use crate::bounded::Bounded as _;
use crate::fleet::{Commit, Committed, Link, Phase, Step};

mod flight;

mod live;
use live::End;

mod reading;

pub(super) struct Driver {
    shared: Arc<Shared>,
    link: Link,
    session: Option<Session>,
    stop: watch::Receiver<bool>,
    /// When to read the license again, when to count clusters, when to look for nodes that came or
    /// went.
    license_due: Mono,
    census_due: Mono,
    notice_due: Mono,
    census: Option<JoinHandle<()>>,
    /// Since when the server takes no writes, and everything else.
    full: Option<Mono>,
}

/// Opening connections may take as long as several servers that do not answer.
const CONNECT: Duration = Duration::from_secs(3);
/// For the last commit of a life.
const FAREWELL: Duration = Duration::from_millis(900);
const NOTICE: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        let now = shared.now();
        let link = Link::new(shared.link, now, seed());
        Self {
            shared,
            link,
            session: None,
            stop,
            license_due: now,
            census_due: now,
            notice_due: now,
            census: None,
            full: None,
        }
    }

    /// Runs until it is told to stop; says whether everything was stored by then.
    pub(super) async fn run(mut self) -> Result<(), ProviderError> {
        let stored = loop {
            self.look_around();
            if *self.stop.borrow_and_update() {
                break self.farewell().await;
            }
            if !self.shared.adapter.license.is_granted() {
                self.wait(self.license_due).await;
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
                // A step may take seconds. `live`, which runs the lanes, watches for the stop by
                // itself.
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
        self.shared.is(Connection::Idle);
        stored
    }

    /// Takes a step; `None` if the worker is to stop.
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
            if self.full.is_none() {
                self.shared.is(Connection::Up);
            }
        }
        // A server that takes no writes was told of, and is not well yet.
        if let Some(Turn::Ended(outage)) = event
            && self.full.is_none()
        {
            self.shared.adapter.tell(&Event::ProviderRecovered { provider: NAME, outage });
        }
    }

    fn failed(&mut self, error: StoreError, now: Mono) {
        self.session = None;
        self.shared.endpoint.failed();
        self.shared.fleet().disconnected(now);
        let event = self.link.failed(now);
        let error = Arc::new(ProviderError::from(error));
        self.shared.is(Connection::Down(Arc::clone(&error)));
        // One outage, if the server took no writes before it took nothing.
        if event.is_some() && self.full.take().is_none() {
            self.shared.adapter.tell(&Event::ProviderDegraded { provider: NAME, error });
        }
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let open = Session::open(&shared.endpoint, &shared.keys, shared.key.as_ref(), &shared.oversized);
        self.session = Some(StoreError::within(CONNECT, open).await?);
        Ok(())
    }

    async fn subscribe(&mut self) -> Result<(), StoreError> {
        match &mut self.session {
            Some(session) => session.subscribe().await,
            None => Err(lost()),
        }
    }

    /// The own record, whole.
    async fn push(&mut self) -> Result<(), StoreError> {
        let Some(session) = &self.session else { return Err(lost()) };
        let now = self.shared.now();
        let commit = self.shared.fleet().push(now);
        let result = session.commit(&commit).await;
        self.commit_landed(now, routes(&commit), result)
    }

    /// A commit is over: tells the machine and the observer. One that a server heard and did not
    /// store costs the store and not the channel.
    fn commit_landed(
        &mut self,
        began: Mono,
        routes: usize,
        result: Result<Stored, StoreError>,
    ) -> Result<(), StoreError> {
        let (end, result, broken) = match result {
            Ok(Stored::Whole { added }) => (Committed::Stored { added }, Ok(()), None),
            Ok(Stored::Published(refusal)) => (Committed::Published, Err(refusal), None),
            Err(error) => (Committed::Failed, Err(StoreError::Other(error.reason())), Some(error)),
        };
        let now = self.shared.now();
        self.shared.fleet().committed(end, now);
        self.report(SyncOperation::Push, began, routes, &result);
        if let Some(error) = broken {
            return Err(error);
        }
        match (result, self.full) {
            (Ok(()), Some(since)) => {
                self.full = None;
                self.shared.is(Connection::Up);
                let outage = now.since(since);
                self.shared.adapter.tell(&Event::ProviderRecovered { provider: NAME, outage });
            }
            (Err(refusal), None) => {
                self.full = Some(now);
                let error = Arc::new(ProviderError::from(refusal));
                self.shared.is(Connection::Down(Arc::clone(&error)));
                self.shared.adapter.tell(&Event::ProviderDegraded { provider: NAME, error });
            }
            (Ok(()), None) | (Err(_), Some(_)) => {}
        }
        Ok(())
    }

    /// Writes everything that is not stored yet, and leaves.
    async fn farewell(&mut self) -> Result<(), ProviderError> {
        let now = self.shared.now();
        let (Some(session), Phase::Live) = (&self.session, self.link.phase()) else {
            self.shared.fleet().disconnected(now);
            if self.shared.adapter.license.is_granted() && self.shared.fleet().lag(now) > Duration::ZERO {
                return Err(ProviderError::unavailable(NAME, "the last changes were not stored"));
            }
            return Ok(());
        };
        let commit = self.shared.fleet().leave(now);
        let result = StoreError::within(FAREWELL, session.commit(&commit)).await;
        let result = self.commit_landed(now, routes(&commit), result);
        let now = self.shared.now();
        self.shared.fleet().disconnected(now);
        match self.full {
            Some(_) => Err(ProviderError::unavailable(NAME, "the last changes were not stored")),
            None => result.map_err(Into::into),
        }
    }

    /// What is due beside the connection: the license, the count of clusters, nodes that came and
    /// went.
    fn look_around(&mut self) {
        let due = self.shared.adapter.look_at_the_license(self.license_due);
        if due != self.license_due && !self.shared.adapter.license.is_granted() {
            self.shared.is(Connection::Unlicensed);
        }
        self.license_due = due;
        let now = self.shared.now();
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
        self.license_due.min(self.notice_due)
    }

    /// Waits, unless the worker is to stop.
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
        let failure = |error: &StoreError| Arc::new(ProviderError::unavailable(NAME, error.reason()));
        let result = result.as_ref().map(drop).map_err(failure);
        let (provider, duration) = (NAME, self.shared.now().since(began));
        self.shared.adapter.tell(&Event::SyncFinished { provider, operation, duration, routes, result });
    }
}

/// A machine that is due all the time must not keep a core busy.
const LEAST_NAP: Duration = Duration::from_millis(1);

fn routes(commit: &Commit) -> usize {
    commit.messages.iter().map(|message| message.entries.len()).sum()
}

fn lost() -> StoreError {
    StoreError::Other("the connection is gone".to_owned())
}
