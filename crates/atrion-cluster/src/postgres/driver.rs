// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The adapter's worker: asks the schedule what is next, does it over one connection, and says how
//! it ended.
//!
//! One connection a node and one job on it at a time: a database that is slow is asked for less,
//! not for more at once. A failure costs the connection, because after a timeout it is unknown what
//! is still on it.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Event, ProviderError, RouteId, SyncOperation};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::{Instrument as _, debug_span};

use super::NAME;
use super::error::StoreError;
use super::schedule::{Job, Schedule, Step};
use super::session::{Durability, Session, Writer, bigint};
use super::shared::Shared;
use crate::adapter::{Connection, again};

mod jobs;

/// Write everything, durably, and say how that ended.
#[derive(Debug)]
pub(super) struct Flush(pub(super) oneshot::Sender<Result<(), ProviderError>>);

pub(super) struct Driver {
    shared: Arc<Shared>,
    orders: mpsc::Receiver<Flush>,
    stop: watch::Receiver<bool>,
    schedule: Schedule,
    session: Option<Session>,
    writer: Writer,
    /// There was a connection before this one.
    connected: bool,
    /// The row that was written last, and when.
    last: Option<(RouteId, u64, Mono)>,
    /// What failed last over a connection, and has not gone well since: a database that takes
    /// connections and no rows is as far away as one that takes neither.
    unproven: Option<Job>,
    down_since: Option<Mono>,
    license_due: Mono,
}

/// What is left of an orderly end for a connection that is not there yet.
const LAST_CONNECT: Duration = Duration::from_millis(1_200);

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        orders: mpsc::Receiver<Flush>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (now, wall) = (shared.now(), shared.adapter.wall().as_millis());
        let writer = Writer {
            cluster: shared.config.cluster.clone(),
            node: shared.node.as_str().to_owned(),
            incarnation: bigint(wall),
        };
        // Nodes differ in their names, lives of a node in their start times.
        let seed = writer.node.bytes().fold(wall, |seed, byte| seed.rotate_left(5) ^ u64::from(byte));
        let schedule = Schedule::new(shared.config.write_behind, seed, now);
        Self {
            shared,
            orders,
            stop,
            schedule,
            session: None,
            writer,
            connected: false,
            last: None,
            unproven: None,
            down_since: None,
            license_due: now,
        }
    }

    /// Runs until it is told to stop; says whether everything was stored by then.
    pub(super) async fn run(mut self) -> Result<(), ProviderError> {
        loop {
            self.license_due = self.shared.adapter.look_at_the_license(self.license_due);
            if *self.stop.borrow_and_update() {
                return self.farewell().await;
            }
            if let Ok(order) = self.orders.try_recv() {
                self.obey(order).await;
                continue;
            }
            let until = match self.next() {
                Step::Do(job) => {
                    self.perform(job).await;
                    continue;
                }
                Step::Wait(until) => until.min(self.license_due),
            };
            let nap = until.since(self.shared.now());
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                _ = self.stop.changed() => {}
                Some(order) = self.orders.recv() => self.obey(order).await,
            }
        }
    }

    async fn obey(&mut self, Flush(answer): Flush) {
        // The caller may have gone.
        let _ = answer.send(self.flush().await);
    }

    fn next(&self) -> Step {
        if self.shared.adapter.license.is_granted() {
            self.schedule.next(self.shared.now())
        } else {
            Step::Wait(self.license_due)
        }
    }

    async fn perform(&mut self, job: Job) {
        let started = self.shared.now();
        let span = match job {
            Job::Connect => {
                debug_span!(target: "atrion", parent: None, "atrion.state.pull", provider = NAME)
            }
            _ => {
                debug_span!(target: "atrion", parent: None, "atrion.state.push", provider = NAME, task = ?job)
            }
        };
        let work = async {
            match job {
                Job::Connect => self.connect(self.shared.config.connect_timeout).await,
                Job::Upkeep => self.upkeep().await,
                Job::Transitions => self.transitions().await,
                Job::Vectors => self.vectors(Durability::Soon).await,
                Job::History => self.history().await,
            }
        };
        let done = work.instrument(span).await;
        // Observers hear of an error, and the schedule decides what follows.
        let _ = self.conclude(job, started, done);
    }

    /// Says how a job ended, to the schedule, to observers and in the status.
    fn conclude(
        &mut self,
        job: Job,
        started: Mono,
        done: Result<usize, StoreError>,
    ) -> Result<(), Arc<ProviderError>> {
        let now = self.shared.now();
        let result = done.map_err(|failure| Arc::new(ProviderError::from(failure)));
        let operation = match job {
            Job::Connect => Some(SyncOperation::Pull),
            Job::Vectors => Some(SyncOperation::Push),
            Job::Upkeep | Job::Transitions | Job::History => None,
        };
        let routes = *result.as_ref().unwrap_or(&0);
        let result = result.map(drop);
        // A push without rows is no trip.
        if let Some(operation) = operation.filter(|_| job == Job::Connect || routes > 0 || result.is_err()) {
            self.shared.adapter.tell_of_sync(operation, started, routes, result.clone());
        }
        match &result {
            Ok(()) => self.went_well(job, now),
            Err(error) => self.went_wrong(job, error, now),
        }
        result
    }

    fn went_well(&mut self, job: Job, now: Mono) {
        self.schedule.succeeded(job, now);
        if self.unproven == Some(job) {
            self.unproven = None;
        } else if job != Job::Connect || self.unproven.is_some() {
            return;
        }
        self.shared.adapter.is(Connection::Up);
        if let Some(since) = self.down_since.take() {
            let outage = now.since(since);
            tracing::info!(target: "atrion", provider = NAME, ?outage, "state is being stored again");
            self.shared.adapter.tell(&Event::ProviderRecovered { provider: NAME, outage });
        }
    }

    fn went_wrong(&mut self, job: Job, error: &Arc<ProviderError>, now: Mono) {
        self.session = None;
        self.schedule.failed(job, now, error.is_retryable());
        if job != Job::Connect {
            self.unproven = Some(job);
        }
        self.shared.adapter.is(Connection::Down(Arc::clone(error)));
        if self.down_since.is_none() {
            self.down_since = Some(now);
            tracing::warn!(target: "atrion", provider = NAME, %error, "state is not being stored");
            self.shared.adapter.tell(&Event::ProviderDegraded { provider: NAME, error: Arc::clone(error) });
        }
    }

    /// Writes everything that waits, durably; connects first if there is no connection.
    async fn flush(&mut self) -> Result<(), ProviderError> {
        if !self.shared.adapter.license.is_granted() {
            return Err(ProviderError::rejected(NAME, self.shared.adapter.no_license()));
        }
        if self.session.is_none() {
            let started = self.shared.now();
            let connected = self.connect(LAST_CONNECT.min(self.shared.config.connect_timeout)).await;
            self.conclude(Job::Connect, started, connected).map_err(|error| again(&error))?;
        }
        let started = self.shared.now();
        // What was written without waiting for the disk is in the log before what is written now:
        // one commit that waits covers them all, so there must be one, also if nothing is left to
        // write.
        let done = match self.vectors(Durability::Now).await {
            Ok(0) => self.barrier().await,
            done => done,
        };
        self.conclude(Job::Vectors, started, done).map_err(|error| again(&error))?;
        let done = self.transitions().await;
        self.conclude(Job::Transitions, started, done).map_err(|error| again(&error))
    }

    async fn farewell(mut self) -> Result<(), ProviderError> {
        let waits = self.shared.own.vectors.dirty() > 0 || self.session.is_some();
        let result =
            if waits && self.shared.adapter.license.is_granted() { self.flush().await } else { Ok(()) };
        if let Some(session) = self.session.take() {
            // Within the rest of the caller's budget. A server that hangs closes it by itself.
            let _ = timeout(Duration::from_millis(100), session.close()).await;
        }
        result
    }
}
