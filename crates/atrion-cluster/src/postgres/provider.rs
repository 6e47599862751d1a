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

use super::driver::{Driver, Flush};
use super::error::NAME;
use super::shared::{Link, Shared};
use super::{ConfigError, HistoryReader, PostgresBuilder};
use crate::worker::Worker;

/// Keeps the vectors of a node's routes in PostgreSQL, and who changed to which mode when.
///
/// | operation | what it does |
/// |---|---|
/// | `connect` | starts the task; returns when it is connected, or degraded after a second |
/// | `disconnect` | writes what is left, durably, within two seconds |
/// | `get_vector`, `warm_start` | this node's own, of this life or an earlier one, from memory |
/// | `update_vector` | sets a mark; written within ten seconds |
/// | `subscribe`, `view` | nothing: the database is no way to talk to each other |
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
/// Errors are states: [`health`](StateProvider::health), [`stats`](StateProvider::stats) and events show them, and the
/// task goes on trying, at first soon, then every half a minute.
#[derive(Debug)]
pub struct PostgresPersistenceAdapter {
    shared: Arc<Shared>,
    worker: Worker<mpsc::Sender<Flush>>,
}

/// The port allows a second; the caller wants some of it for himself.
const CONNECT: Duration = Duration::from_millis(900);
/// The port allows two seconds.
const DISCONNECT: Duration = Duration::from_millis(1_900);
const FLUSH: Duration = Duration::from_secs(10);

impl PostgresPersistenceAdapter {
    /// Starts to build one.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::new()
    }

    /// A reader of this cluster's history, over connections of its own.
    ///
    /// # Errors
    /// None in practice: the URL was checked when the adapter was built.
    pub fn history(&self) -> Result<HistoryReader, ConfigError> {
        let config = &self.shared.config;
        HistoryReader::new(&config.url, config.cluster.clone())
    }

    /// Whether a licence permits to store. What is missing is looked for again every minute.
    #[must_use]
    pub fn is_licensed(&self) -> bool {
        self.shared.license.is_granted()
    }

    /// How many clusters use the licence, as far as this database and this process know, and by how many that is more than
    /// it allows. Nothing depends on either.
    #[must_use]
    pub fn licensed_clusters(&self) -> (usize, usize) {
        self.shared.license.clusters(self.shared.clock.wall())
    }

    pub(super) fn over(shared: Arc<Shared>) -> Self {
        Self { shared, worker: Worker::new(NAME) }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Writes everything that is waiting. When it returns, every update that was accepted before the call is in the
    /// server's log on disk.
    ///
    /// # Errors
    /// [`ProviderError`] if that could not be done within ten seconds; what was waiting still waits.
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
            shared.status.send_modify(|status| status.link = Link::Connecting);
            (orders, Driver::new(shared, taken, stop).run())
        };
        self.worker.start(begin).map(drop)
    }

    async fn connected(&self) -> Result<(), ProviderError> {
        let mut status = self.shared.status.subscribe();
        let settled = status.wait_for(|status| !matches!(status.link, Link::Idle | Link::Connecting));
        match timeout(CONNECT, settled).await {
            Ok(Ok(status)) => match &status.link {
                Link::Down(error) if !error.is_retryable() => Err(refused(error)),
                // Connected, without a licence, or degraded: the task goes on by itself.
                _ => Ok(()),
            },
            // Not settled yet: the task goes on by itself.
            _ => Ok(()),
        }
    }

    async fn stop(&self) -> Result<(), ProviderError> {
        let result = self.worker.stop(DISCONNECT).await;
        self.shared.status.send_modify(|status| status.link = Link::Idle);
        result
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
            let known = self.shared.own().get(route, self.shared.now());
            match known {
                Some(vector) => Ok(Some(vector)),
                None => self.answers().map(|()| None),
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
            self.answers()?;
            Ok(self.shared.own().all(self.shared.now()))
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
        self.shared.health()
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.shared.attach(observer);
    }

    fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        self.shared.attach_merged_scars(merged);
    }

    fn stats(&self) -> Vec<ProviderStats> {
        vec![self.shared.stats()]
    }
}

impl PostgresPersistenceAdapter {
    /// Whether "I know of none" is the truth: it is, once what an earlier life stored has been read, and without a
    /// licence, when there is nothing to read.
    fn answers(&self) -> Result<(), ProviderError> {
        let status = self.shared.status.borrow();
        match &status.link {
            _ if status.loaded => Ok(()),
            Link::Unlicensed => Ok(()),
            Link::Idle => Err(ProviderError::Disconnected { provider: NAME }),
            Link::Down(error) if !error.is_retryable() => Err(refused(error)),
            Link::Down(error) => Err(ProviderError::unavailable(NAME, reason(error))),
            Link::Connecting | Link::Up => Err(ProviderError::unavailable(NAME, "it is still connecting")),
        }
    }
}

/// The same refusal once more: errors hold what cannot be cloned.
fn refused(error: &ProviderError) -> ProviderError {
    ProviderError::rejected(NAME, reason(error))
}

/// What an error says beyond its kind and the provider's name.
fn reason(error: &ProviderError) -> String {
    match error {
        ProviderError::Unavailable { reason, .. } | ProviderError::Rejected { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}
