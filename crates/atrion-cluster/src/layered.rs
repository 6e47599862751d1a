// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Several stores behind one port: what one forgot or cannot say, the next one may know.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::Peer;
use atrion_state::{
    BoxFuture, Capabilities, Health, LeaseRecord, Liveness, MergedScars, Observer, PhysicsVector,
    ProviderError, ProviderStats, Register, RouteId, Sharing, StateProvider, Subscription, Weight,
};

mod flight;
use flight::Flight;

mod outcome;
use outcome::Outcomes;

/// The nearest store first: memory, Redis, PostgreSQL.
///
/// | operation | what it does |
/// |---|---|
/// | `connect`, `disconnect` | all layers at once |
/// | `get_vector` | the first layer that has it, each within 250 ms |
/// | `warm_start` | all layers at once; of a route that several have, the first one's vector |
/// | `update_vector`, `update_batch`, `keep_leases` | all layers |
/// | `kept_leases` | all layers at once; what several have, once |
/// | `subscribe`, `view`, `peers`, `sharing` | the first layer that other nodes share; without one, the first with a feed |
/// | `health` | up if all are; `stats` has each layer by its name |
///
/// The failure of a layer does not propagate as long as another one does what was asked: it is that
/// layer's state, and its events'. A layer is used from a task of its own, so that one that panics
/// or hangs is a layer that failed.
///
/// Each layer answers within its 250 ms or misses what the others take. The adapters of this crate
/// answer from memory; another store that takes its time belongs behind a `WriteBehind` of
/// `atrion-engine`.
///
/// ```
/// use std::sync::Arc;
///
/// use atrion_cluster::LayeredProvider;
/// use atrion_state::InMemoryProvider;
///
/// let memory = || Arc::new(InMemoryProvider::new());
/// let layers = LayeredProvider::new(vec![memory()])?; // then a Redis, then a PostgreSQL
/// assert_eq!(layers.layers().len(), 1);
/// assert!(LayeredProvider::new(vec![memory(), memory()]).is_err(), "two layers of one name");
/// # Ok::<(), atrion_cluster::LayeredError>(())
/// ```
pub struct LayeredProvider {
    layers: Arc<[Arc<dyn StateProvider>]>,
    capabilities: Capabilities,
}

/// Why layers were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayeredError {
    /// There are none.
    #[error("layers must be one at least, got none: use an `InMemoryProvider`")]
    Empty,
    /// Two have one name, so their states could not be told apart.
    #[error("layers must have different names, got two of `{name}`: leave one out")]
    Twice {
        /// The name.
        name: &'static str,
    },
}

const NAME: &str = "layered";

/// For one layer to say what it knows of a route. A nearer layer that hangs must leave time for the
/// next.
const BUDGET: Duration = Duration::from_millis(250);
/// The port allows a second to connect and two to disconnect.
const CONNECT: Duration = Duration::from_millis(950);
const DISCONNECT: Duration = Duration::from_millis(1_950);
/// A warm start is worth more patience than a look-up: it is once in a life.
const WARM: Duration = Duration::from_millis(900);

impl LayeredProvider {
    /// Layers, the nearest first.
    ///
    /// # Errors
    /// [`LayeredError`] if there are none, or two of one name.
    pub fn new(layers: Vec<Arc<dyn StateProvider>>) -> Result<Self, LayeredError> {
        let all: Vec<Capabilities> = layers.iter().map(|layer| layer.capabilities()).collect();
        for (nth, one) in all.iter().enumerate() {
            if all[..nth].iter().any(|other| other.name == one.name) {
                return Err(LayeredError::Twice { name: one.name });
            }
        }
        let any = |can: fn(&Capabilities) -> bool| all.iter().any(can);
        let limit = all.iter().map(|one| one.batch_limit).min().ok_or(LayeredError::Empty)?;
        let feeds = feed(&layers).is_some_and(|nth| all[nth].subscribes);
        let capabilities = Capabilities::new(NAME)
            .durable(any(|one| one.durable))
            .shared(any(|one| one.shared))
            .subscribes(feeds)
            .buffered(any(|one| one.buffered))
            .batch_limit(limit);
        Ok(Self { layers: layers.into(), capabilities })
    }

    /// The layers, the nearest first.
    #[must_use]
    pub fn layers(&self) -> &[Arc<dyn StateProvider>] {
        &self.layers
    }

    /// The layer that speaks for the others: that of the fleet, else the first with a feed.
    fn speaker(&self) -> Option<&dyn StateProvider> {
        feed(&self.layers).map(|nth| self.layers[nth].as_ref())
    }

    /// Does the same with every layer at once, each in a task of its own, and waits for each this
    /// long.
    async fn each<T, F>(&self, within: Duration, work: impl Fn(Arc<dyn StateProvider>) -> F) -> Outcomes<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        let flights: Vec<_> = self.layers.iter().map(|layer| Flight::start(layer, within, &work)).collect();
        let mut outcomes = Outcomes::default();
        for (flight, layer) in flights.into_iter().zip(self.layers.iter()) {
            outcomes.push(outlives(layer), flight.land().await);
        }
        outcomes
    }
}

/// Whether what a layer has outlives this process.
fn outlives(layer: &Arc<dyn StateProvider>) -> bool {
    let can = layer.capabilities();
    can.durable || can.shared
}

/// Which layer speaks for the others.
fn feed(layers: &[Arc<dyn StateProvider>]) -> Option<usize> {
    let shared = layers.iter().position(|layer| layer.capabilities().shared);
    shared.or_else(|| layers.iter().position(|layer| layer.capabilities().subscribes))
}

impl StateProvider for LayeredProvider {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async { self.each(CONNECT, |layer| async move { layer.connect().await }).await.any() })
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async {
            self.each(DISCONNECT, |layer| async move { layer.disconnect().await }).await.any_store()
        })
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move {
            let mut outcomes = Outcomes::default();
            for layer in self.layers.iter() {
                let route = route.clone();
                let ask = |layer: Arc<dyn StateProvider>| async move { layer.get_vector(&route).await };
                match Flight::start(layer, BUDGET, ask).land().await {
                    Ok(Some(vector)) => return Ok(Some(vector)),
                    none => outcomes.push(outlives(layer), none.map(drop)),
                }
            }
            outcomes.any_store().map(|()| None)
        })
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            let update = |layer: Arc<dyn StateProvider>| {
                let route = route.clone();
                async move { layer.update_vector(route, vector).await }
            };
            self.each(BUDGET, update).await.any()
        })
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(async {
            self.each(WARM, |layer| async move { layer.warm_start().await })
                .await
                .merged(|(route, _)| route.clone())
        })
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let batch: Arc<[_]> = batch.into();
            let update = |layer: Arc<dyn StateProvider>| {
                let batch = Arc::clone(&batch);
                async move { layer.update_batch(&batch).await }
            };
            self.each(BUDGET, update).await.any()
        })
    }

    fn keep_leases<'a>(&'a self, leases: &'a [LeaseRecord]) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let leases: Arc<[_]> = leases.into();
            let keep = |layer: Arc<dyn StateProvider>| {
                let leases = Arc::clone(&leases);
                async move { layer.keep_leases(&leases).await }
            };
            self.each(BUDGET, keep).await.any_store()
        })
    }

    fn kept_leases(&self) -> BoxFuture<'_, Result<Vec<LeaseRecord>, ProviderError>> {
        Box::pin(async {
            let kept = self.each(BUDGET, |layer| async move { layer.kept_leases().await }).await;
            kept.merged(|record| (record.lease, record.since.as_millis()))
        })
    }

    fn subscribe(&self) -> Option<Subscription> {
        self.speaker()?.subscribe()
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        self.speaker().map_or_else(Vec::new, |layer| layer.view(route))
    }

    fn peers(&self, route: &RouteId, liveness: &Liveness, peers: &mut Vec<Peer>) {
        if let Some(layer) = self.speaker() {
            layer.peers(route, liveness, peers);
        }
    }

    fn sharing(&self) -> Option<Sharing> {
        self.speaker()?.sharing()
    }

    fn published_weight(&self, route: &RouteId) -> Option<Weight> {
        self.speaker()?.published_weight(route)
    }

    fn health(&self) -> Health {
        let mut ill = Vec::new();
        let mut away = 0;
        for layer in self.layers.iter() {
            match layer.health() {
                Health::Up => {}
                Health::Disconnected => away += 1,
                Health::Degraded { reason } => ill.push(format!("{}: {reason}", layer.capabilities().name)),
                other => ill.push(format!("{}: {other:?}", layer.capabilities().name)),
            }
        }
        match (ill.is_empty(), away) {
            (true, 0) => Health::Up,
            // Memory has no connection to lose.
            (true, _) => Health::Disconnected,
            (false, _) => Health::Degraded { reason: ill.join("; ").into() },
        }
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.layers.iter().for_each(|layer| layer.attach(Arc::clone(&observer)));
    }

    fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        self.layers.iter().for_each(|layer| layer.attach_merged_scars(Arc::clone(&merged)));
    }

    fn stats(&self) -> Vec<ProviderStats> {
        let own = |layer: &Arc<dyn StateProvider>| {
            let stats = layer.stats();
            // A layer without counts still has a health.
            if stats.is_empty() {
                vec![ProviderStats::new(layer.capabilities().name).health(layer.health())]
            } else {
                stats
            }
        };
        self.layers.iter().flat_map(own).collect()
    }
}

impl fmt::Debug for LayeredProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredProvider").field("layers", &self.layers).finish()
    }
}
