// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The store behind the buffer: one connection, and one job on it at a time, so that a database
//! that is slow is asked for less, not for more at once.
//!
//! What is to be written, when, and when the database is left alone, the write-behind before it
//! decides. A push of vectors writes them; one without any does what else is due. A failure costs
//! the connection, because after a timeout it is unknown what is still on it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{
    BoxFuture, Capabilities, Demand, LeaseRecord, MergedScars, Observer, PhysicsVector, ProviderError,
    RouteId, StateProvider, lock,
};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use tokio::time::timeout;

use super::NAME;
use super::schedule::{Chore, Schedule};
use super::session::{BATCH, Session, Writer, bigint};
use super::shared::Shared;

pub(super) struct Store {
    pub(super) shared: Arc<Shared>,
    live: AsyncMutex<Live>,
    pub(super) schedule: Mutex<Schedule>,
    license_due: Mutex<Mono>,
}

/// What there is of a connection.
pub(super) struct Live {
    pub(super) session: Option<Session>,
    pub(super) writer: Writer,
    /// There was a connection before this one.
    pub(super) connected: bool,
    /// The row that was written last, and when.
    pub(super) last: Option<(RouteId, u64, Mono)>,
}

/// Something that is done over the connection. Given up midway, it takes the connection along.
pub(super) struct Job<'a> {
    pub(super) shared: &'a Shared,
    pub(super) live: MutexGuard<'a, Live>,
    pub(super) session: Session,
}

/// Within the rest of the caller's budget. A server that hangs closes a connection by itself.
const GOODBYE: Duration = Duration::from_millis(100);

impl Store {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let now = shared.now();
        let writer = Writer {
            cluster: shared.config.cluster.clone(),
            node: shared.node.as_str().to_owned(),
            incarnation: bigint(shared.adapter.wall().as_millis()),
        };
        let schedule = Schedule::new(shared.config.write_behind, shared.seed(), now);
        Self {
            shared,
            live: AsyncMutex::new(Live { session: None, writer, connected: false, last: None }),
            schedule: Mutex::new(schedule),
            license_due: Mutex::new(now),
        }
    }

    /// A job over the connection that there is.
    pub(super) async fn job(&self) -> Result<Job<'_>, ProviderError> {
        let mut live = self.live.lock().await;
        let broke = || ProviderError::unavailable(NAME, "the connection broke");
        let session = live.session.take().ok_or_else(broke)?;
        Ok(Job { shared: &self.shared, live, session })
    }
}

impl Job<'_> {
    /// It went well, and leaves the connection to the next one.
    pub(super) fn end(mut self) {
        self.live.session = Some(self.session);
    }
}

impl StateProvider for Store {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(NAME)
            .durable(true)
            .batch_limit(BATCH)
            .write_interval(self.shared.config.write_behind)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            let mut live = self.live.lock().await;
            if live.session.is_none() {
                self.open(&mut live).await?;
                lock(&self.schedule).connected(self.shared.now());
            }
            Ok(())
        })
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            let Ok(mut job) = self.job().await else { return Ok(()) };
            job.transitions().await?;
            job.settle().await?;
            let _ = timeout(GOODBYE, job.session.close()).await;
            Ok(())
        })
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move { Ok(self.shared.own.vectors.get(route, self.shared.now())) })
    }

    /// An earlier life's vectors came with the connection.
    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(async move { Ok(self.shared.own.vectors.all(self.shared.now())) })
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move { self.update_batch(&[(route, vector)]).await })
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let mut job = self.job().await?;
            if batch.is_empty() {
                job.chores(&self.schedule).await?;
            } else {
                job.vectors(batch).await?;
                lock(&self.schedule).done(Chore::Probe, self.shared.now());
            }
            job.end();
            Ok(())
        })
    }

    fn keep_leases<'a>(&'a self, leases: &'a [LeaseRecord]) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.write_leases(leases))
    }

    fn kept_leases(&self) -> BoxFuture<'_, Result<Vec<LeaseRecord>, ProviderError>> {
        Box::pin(self.read_leases())
    }

    fn demand(&self) -> Demand {
        let (adapter, due) = (&self.shared.adapter, *lock(&self.license_due));
        let due = adapter.look_at_the_license(due);
        *lock(&self.license_due) = due;
        let awaits_disk = self.shared.is_flushing() && self.shared.is_unsettled();
        let is_due = lock(&self.schedule).due(self.shared.now()).is_some();
        match adapter.license.is_granted() {
            false => Demand::Rest,
            true if is_due || awaits_disk || self.shared.own.has_changes() => Demand::Write,
            true => Demand::Nothing,
        }
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.shared.adapter.attach(observer);
    }

    fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        self.shared.attach_merged_scars(merged);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
