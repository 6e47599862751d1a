// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The port's operations: all of them answer from memory, with a write-behind before the store.

use std::sync::Arc;
use std::time::Duration;

use atrion_engine::WriteBehind;
use atrion_state::{
    Backoff, BoxFuture, Health, PhysicsVector, ProviderError, ProviderStats, PulseConfig, RouteId,
    StateProvider, forward_provider,
};
use tokio::time::timeout;

use super::NAME;
use super::shared::Shared;
use super::store::Store;
use super::{BuildError, ConfigError, HistoryReader, PostgresBuilder};

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
    behind: WriteBehind<Store>,
}

const FLUSH: Duration = Duration::from_secs(10);
/// Changes of modes are few and wanted soon.
const SOON: Duration = Duration::from_secs(1);
/// Longer than a pulse's: a database that is gone is not back in a second.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// A push may connect and make the schema first; each statement has a limit of its own.
const BUDGET: Duration = Duration::from_secs(120);

impl PostgresPersistenceAdapter {
    /// Starts to build one.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// A reader of this cluster's history, over connections of its own, with the same credentials.
    ///
    /// # Errors
    /// None in practice: the URL was checked when the adapter was built.
    pub fn history(&self) -> Result<HistoryReader, ConfigError> {
        Ok(HistoryReader::over(self.shared.login.clone(), self.shared.config.cluster.clone()))
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
        if !self.is_licensed() {
            return Err(ProviderError::rejected(NAME, self.shared.adapter.no_license()));
        }
        let _flushing = self.shared.flushing();
        let late = ProviderError::Timeout { provider: NAME, after: FLUSH };
        timeout(FLUSH, self.behind.flush()).await.unwrap_or(Err(late))
    }

    /// Whether "none" is an answer; else why it is not yet.
    fn answers(&self) -> Result<(), ProviderError> {
        match (self.shared.knows_all(), self.behind.failure()) {
            (true, _) => Ok(()),
            (false, Some(error)) => Err(error.again()),
            (false, None) if self.behind.health() == Health::Disconnected => {
                Err(ProviderError::Disconnected { provider: NAME })
            }
            (false, None) => Err(ProviderError::unavailable(NAME, "what is stored has not been read yet")),
        }
    }
}

impl PostgresBuilder {
    /// The adapter. Without a license it keeps state in memory, and says so in the log.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn build(self) -> Result<PostgresPersistenceAdapter, ConfigError> {
        let shared = Arc::new(self.check()?);
        let pulse = PulseConfig::default().with_jitter_seed(shared.seed()).with_backoff(BACKOFF);
        let pulse = pulse.with_interval(shared.config.write_behind.min(SOON));
        // Both spans lie within what a pulse can work with: the shortest interval is 100 ms.
        let pulse = pulse.and_then(|pulse| pulse.with_push_budget(BUDGET)).unwrap_or_default();
        let (buffer, clock) = (Arc::clone(&shared.own.vectors), Arc::clone(&shared.clock));
        let store = Arc::new(Store::new(Arc::clone(&shared)));
        let behind = WriteBehind::over(store, buffer, clock).pulse(pulse);
        Ok(PostgresPersistenceAdapter { shared, behind })
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
    forward_provider!(
        self => self.behind,
        capabilities, connect, disconnect, keep_leases, kept_leases, attach, attach_merged_scars,
    );

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move {
            let known = self.shared.own.vectors.get(route, self.shared.now());
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
        match self.behind.health() {
            Health::Disconnected => Health::Disconnected,
            _ if !self.is_licensed() => Health::Degraded { reason: self.shared.adapter.no_license().into() },
            health => health,
        }
    }

    fn stats(&self) -> Vec<ProviderStats> {
        vec![self.shared.stats(self.health(), self.behind.lag())]
    }
}
