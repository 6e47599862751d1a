// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The port, answered from memory.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::Peer;
use atrion_state::{
    BoxFuture, Capabilities, Health, LeaseRecord, Liveness, NodeId, Observer, PhysicsVector, ProviderError,
    ProviderStats, Register, RouteId, Sharing, StateProvider, Subscription, Weight,
};
use tokio::time::timeout;

use super::builder::RedisClusterBuilder;
use super::driver::Driver;
use super::leases::Ledger;
use super::shared::Shared;
use super::status::Connection;
use super::worker::Worker;
use super::{BuildError, ConfigError, NAME};
use crate::fleet::FleetStats;

/// Shares the state of a fleet through Redis or Valkey.
///
/// Nothing that the store does reaches the host: `connect` returns within a second, connected or
/// not; every other method answers from memory; a task talks to the store and comes back to it by
/// itself. Without a license that permits it, state stays in this process's memory, which is said
/// in the log, in [`health`](StateProvider::health) and to observers, and admission works as it
/// does with one.
#[derive(Debug)]
pub struct RedisClusterProvider {
    shared: Arc<Shared>,
    worker: Worker,
    leases: Ledger,
}

/// Connecting returns within a second whatever happens, and the caller needs some of that second
/// for itself.
const CONNECT: Duration = Duration::from_millis(700);
/// The last commit takes a second at most.
const DISCONNECT: Duration = Duration::from_millis(1_500);

impl RedisClusterProvider {
    /// Starts to set one up. Only the url has to be given.
    pub fn builder() -> RedisClusterBuilder {
        RedisClusterBuilder::default()
    }

    /// This node's name at present: the configured one, unless another process turned out to have
    /// it.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.shared.fleet().node().clone()
    }

    /// Whether a license permits to share. What is missing is looked for again every minute.
    #[must_use]
    pub fn is_licensed(&self) -> bool {
        self.shared.adapter.license.is_granted()
    }

    /// What the protocol has counted, and how much it holds.
    #[must_use]
    pub fn fleet_stats(&self) -> FleetStats {
        let now = self.shared.now();
        self.shared.fleet().stats(now)
    }

    /// How many clusters use the license, as far as this store and this process know, and by how
    /// many that is more than it allows. Nothing depends on either.
    #[must_use]
    pub fn licensed_clusters(&self) -> (usize, usize) {
        self.shared.adapter.license.clusters(self.shared.adapter.wall())
    }
}

impl RedisClusterBuilder {
    /// Checks the settings and makes the provider. Nothing is connected yet. Without a license that
    /// permits it the provider keeps state in memory and says so.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn build(self) -> Result<RedisClusterProvider, ConfigError> {
        Ok(RedisClusterProvider::over(Arc::new(self.check()?)))
    }

    /// As [`build`](Self::build), for services that would rather not start than not share.
    ///
    /// # Errors
    /// [`BuildError`] with everything that is wrong, or why the license does not permit it.
    pub fn build_strict(self) -> Result<RedisClusterProvider, BuildError> {
        let provider = self.build()?;
        match provider.shared.adapter.license.refusal() {
            None => Ok(provider),
            Some(refusal) => Err(refusal.into()),
        }
    }
}

impl RedisClusterProvider {
    fn over(shared: Arc<Shared>) -> Self {
        Self { shared, worker: Worker::default(), leases: Ledger::default() }
    }
}

impl StateProvider for RedisClusterProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(NAME).durable(true).shared(true).subscribes(true).buffered(true).batch_limit(1_024)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            let shared = Arc::clone(&self.shared);
            self.worker.start(|stop| {
                shared.is(Connection::Connecting);
                Driver::new(shared, stop).run()
            })?;
            // Degraded from the start is no error: the worker goes on trying.
            let mut status = self.shared.status();
            let up = status.wait_for(|status| matches!(status.connection, Connection::Up));
            if self.shared.adapter.license.is_granted() {
                let _ = timeout(CONNECT, up).await;
            }
            Ok(())
        })
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            let Some(result) = self.worker.stop(DISCONNECT).await else { return Ok(()) };
            self.shared.is(Connection::Idle);
            self.shared.feed.close();
            result
        })
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move {
            let known = self.shared.fleet().own(route, self.shared.now());
            match known {
                Some(vector) => Ok(Some(vector)),
                None => self.shared.answers().map(|()| None),
            }
        })
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(async move {
            self.shared.answers()?;
            Ok(self.shared.fleet().owned(self.shared.now()))
        })
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            let now = self.shared.now();
            self.shared.fleet().update(&route, vector, now);
            self.shared.stirred.notify_one();
            Ok(())
        })
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let now = self.shared.now();
            {
                let mut fleet = self.shared.fleet();
                batch.iter().for_each(|(route, vector)| fleet.update(route, *vector, now));
            }
            self.shared.stirred.notify_one();
            Ok(())
        })
    }

    fn keep_leases<'a>(&'a self, leases: &'a [LeaseRecord]) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            if self.is_licensed() {
                self.leases.keep(&self.shared, leases).await?;
            }
            Ok(())
        })
    }

    fn kept_leases(&self) -> BoxFuture<'_, Result<Vec<LeaseRecord>, ProviderError>> {
        Box::pin(async move {
            if self.is_licensed() { Ok(self.leases.kept(&self.shared).await?) } else { Ok(Vec::new()) }
        })
    }

    fn subscribe(&self) -> Option<Subscription> {
        Some(self.shared.feed.subscribe())
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        let now = self.shared.now();
        self.shared.fleet().view(route, now)
    }

    fn peers(&self, route: &RouteId, liveness: &Liveness, peers: &mut Vec<Peer>) {
        let now = self.shared.now();
        self.shared.fleet().peers(route, liveness, peers, now);
    }

    fn sharing(&self) -> Option<Sharing> {
        let liveness = || self.shared.fleet().liveness();
        self.shared.adapter.license.is_granted().then(|| self.shared.sharing.with_liveness(liveness()))
    }

    fn published_weight(&self, route: &RouteId) -> Option<Weight> {
        self.shared.fleet().said_weight(route)
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.shared.adapter.attach(observer);
    }

    fn stats(&self) -> Vec<ProviderStats> {
        vec![self.shared.stats()]
    }
}
