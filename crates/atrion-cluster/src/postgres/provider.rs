// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The port's operations: all of them answer from memory, and give the task orders.

use std::sync::Arc;
use std::time::Duration;

use atrion_state::{
    BoxFuture, Capabilities, Health, MergedScars, Observer, PhysicsVector, ProviderError, ProviderStats,
    RouteId, StateProvider,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::NAME;
use super::driver::{Driver, Flush};
use super::shared::Shared;
use super::{BuildError, ConfigError, HistoryReader, PostgresBuilder};
use crate::adapter::{Connection, again};
use crate::worker::Worker;

/// Keeps the vectors of a node's routes in PostgreSQL, and the history of their modes.
///
/// | operation | what it does |
/// |---|---|
/// | `connect` | starts the task; returns when it is connected, or degraded after a second |
/// | `disconnect` | writes what is left, durably, within two seconds |
/// | `get_vector`, `warm_start` | this node's own, of this life or an earlier one, from memory |
/// | `update_vector` | sets a mark; written within ten seconds |
/// | `subscribe`, `view` | nothing: nodes do not talk to each other through the database |
///
/// ```no_run
/// use atrion_cluster::postgres::PostgresPersistenceAdapter;
/// use atrion_engine::Atrion;
/// use atrion_license::License;
///
/// # async fn start(pod_name: String) -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresPersistenceAdapter::builder()
///     .url("postgres://atrion_app:secret@db.internal/atrion?sslmode=verify-full")
///     .cluster("shop")
///     .node(pod_name)
///     .license(License::from_env())
///     .build()?;
/// let atrion = Atrion::builder().provider(store).connect().await?;
/// # Ok(())
/// # }
/// ```
/// Errors are states: [`health`](StateProvider::health), [`stats`](StateProvider::stats) and events
/// show them, and the task goes on trying, at first soon, then every half a minute.
#[derive(Debug)]
pub struct PostgresPersistenceAdapter {
    shared: Arc<Shared>,
    worker: Worker<mpsc::Sender<Flush>>,
}

/// The port allows a second; the caller needs some of it for itself.
const CONNECT: Duration = Duration::from_millis(900);
/// The port allows two seconds.
const DISCONNECT: Duration = Duration::from_millis(1_900);
const FLUSH: Duration = Duration::from_secs(10);

impl PostgresPersistenceAdapter {
    /// Starts to build one.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// A reader of this cluster's history, over connections of its own.
    ///
    /// # Errors
    /// None in practice: the URL was checked when the adapter was built.
    pub fn history(&self) -> Result<HistoryReader, ConfigError> {
        let config = &self.shared.config;
        HistoryReader::new(&config.url, config.cluster.clone())
    }

    /// Whether a license permits to store. What is missing is looked for again every minute.
    #[must_use]
    pub fn is_licensed(&self) -> bool {
        self.shared.adapter.license.is_granted()
    }

    /// How many clusters use the license, as far as this database and this process know, and by how
    /// many that is more than it allows. Nothing depends on either.
    #[must_use]
    pub fn licensed_clusters(&self) -> (usize, usize) {
        self.shared.adapter.license.clusters(self.shared.adapter.wall())
    }

    /// Writes everything that is waiting. When it returns, every update that was accepted before
    /// the call is in the server's log on disk.
    ///
    /// # Errors
    /// [`ProviderError`] if that could not be done within ten seconds; what was waiting still
    /// waits.
    pub async fn flush(&self) -> Result<(), ProviderError> {
        let Some(orders) = self.worker.orders() else {
            return Err(ProviderError::Disconnected { provider: NAME });
        };
        let (answer, answered) = oneshot::channel();
        let flushed = async {
            let gone = |()| ProviderError::Disconnected { provider: NAME };
            orders.send(Flush(answer)).await.map_err(|_| gone(()))?;
            answered.await.map_err(|_| gone(()))?
        };
        timeout(FLUSH, flushed).await.unwrap_or(Err(ProviderError::Timeout { provider: NAME, after: FLUSH }))
    }

    /// Starts the task, if it does not run.
    fn start(&self) -> Result<(), ProviderError> {
        let shared = Arc::clone(&self.shared);
        let begin = |stop| {
            let (orders, taken) = mpsc::channel(16);
            shared.adapter.is(Connection::Connecting);
            (orders, Driver::new(shared, taken, stop).run())
        };
        self.worker.start(begin).map(drop)
    }

    async fn connected(&self) -> Result<(), ProviderError> {
        let mut status = self.shared.adapter.status();
        let settled =
            status.wait_for(|status| !matches!(status.connection, Connection::Idle | Connection::Connecting));
        match timeout(CONNECT, settled).await {
            Ok(Ok(status)) => match &status.connection {
                Connection::Down(error) if !error.is_retryable() => Err(again(error)),
                // Connected, without a license, or degraded: the task goes on by itself.
                _ => Ok(()),
            },
            // Not settled yet: the task goes on by itself.
            _ => Ok(()),
        }
    }

    async fn stop(&self) -> Result<(), ProviderError> {
        let result = self.worker.stop(DISCONNECT).await;
        self.shared.adapter.is(Connection::Idle);
        result
    }
}

impl PostgresBuilder {
    /// The adapter. Without a license it keeps state in memory, and says so in the log.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn build(self) -> Result<PostgresPersistenceAdapter, ConfigError> {
        Ok(PostgresPersistenceAdapter { shared: Arc::new(self.check()?), worker: Worker::new(NAME) })
    }

    /// As [`build`](Self::build), for services that would rather not start than not store.
    ///
    /// # Errors
    /// [`BuildError`] with everything that is wrong, or why no license permits it.
    pub fn build_strict(self) -> Result<PostgresPersistenceAdapter, BuildError> {
        let adapter = self.build()?;
        match adapter.shared.adapter.license.refusal() {
            None => Ok(adapter),
            Some(refusal) => Err(refusal.into()),
        }
    }
}

impl StateProvider for PostgresPersistenceAdapter {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(NAME).durable(true).buffered(true)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async {
            self.start()?;
            self.connected().await
        })
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(self.stop())
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move {
            let known = self.shared.own.vectors.get(route, self.shared.now());
            match known {
                Some(vector) => Ok(Some(vector)),
                None => self.shared.adapter.answers().map(|()| None),
            }
        })
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            self.shared.put(&[(route, vector)]);
            Ok(())
        })
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(async move {
            self.shared.adapter.answers()?;
            Ok(self.shared.own.vectors.all(self.shared.now()))
        })
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            self.shared.put(batch);
            Ok(())
        })
    }

    fn health(&self) -> Health {
        self.shared.adapter.health()
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.shared.adapter.attach(observer);
    }

    fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        self.shared.attach_merged_scars(merged);
    }

    fn stats(&self) -> Vec<ProviderStats> {
        vec![self.shared.stats()]
    }
}
