// SPDX-License-Identifier: Apache-2.0
//! A fleet in one process: the nodes of a shared store, and the wires between them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atrion_core::Peer;
use atrion_state::{
    BoxFuture, Capabilities, Clock, Event, InMemoryProvider, Liveness, NodeId, Observer, PhysicsVector,
    ProviderError, Register, RouteId, Sharing, StateProvider, Subscription, Weight, lock,
};

mod hub;
use hub::Hub;

/// Nodes that see each other's registers: at once, or over wires that take their time.
///
/// - **It promises** the semantics of the port and no more: each register arrives whole, in any
///   order, under its node's name, and a node that can be reached is heard of all the time.
/// - **It does not know** a protocol: there are no heartbeats, gaps or records, and nothing is
///   counted.
///
/// [`node`](Self::node) gives a node's provider; two calls with one name give two handles of one
/// node. Clones are the same fleet.
#[derive(Clone)]
pub struct MemoryFleet {
    clock: Arc<dyn Clock>,
    hub: Arc<Mutex<Hub>>,
}

/// One node of a [`MemoryFleet`].
#[derive(Clone)]
pub struct FleetNode {
    fleet: MemoryFleet,
    name: NodeId,
    own: InMemoryProvider,
}

impl MemoryFleet {
    /// A fleet without nodes whose registers arrive at once. It listens in the recommended way;
    /// vectors age by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_wires(clock, || Duration::ZERO)
    }

    /// The same over wires: `way` says how long the next register takes to one listener. A register
    /// that is lost and said again takes longer. Nothing arrives by itself: see
    /// [`FleetNode::deliver`].
    #[must_use]
    pub fn with_wires(clock: Arc<dyn Clock>, way: impl FnMut() -> Duration + Send + 'static) -> Self {
        Self { clock, hub: Arc::new(Mutex::new(Hub::new(Box::new(way)))) }
    }

    /// Says how every node is to listen; `None`: nothing is shared.
    pub fn listen(&self, sharing: Option<Sharing>) {
        self.hub().sharing = sharing;
    }

    /// The node of that name, made if it is new.
    #[must_use]
    pub fn node(&self, name: &NodeId) -> FleetNode {
        let new = || InMemoryProvider::with_clock(Arc::clone(&self.clock));
        let own = self.hub().node(name, new, self.clock.now());
        FleetNode { fleet: self.clone(), name: name.clone(), own }
    }

    /// Separates a node from all others, in both directions.
    pub fn cut(&self, name: &NodeId) {
        self.hub().cut(name, self.clock.now());
    }

    /// Mends what [`cut`](Self::cut) did. The node and the others say all that was missed, and hear
    /// that they joined.
    pub fn mend(&self, name: &NodeId) {
        let greetings = self.hub().mend(name, self.clock.now());
        for (observer, node) in greetings {
            observer.on_event(&Event::NodeJoined { provider: NAME, node });
        }
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        // Valid after every single step.
        lock(&self.hub)
    }
}

impl FleetNode {
    /// The node's name.
    #[must_use]
    pub const fn name(&self) -> &NodeId {
        &self.name
    }

    /// Gives the node the registers that have arrived by now, and tells its subscribers. Reading a
    /// view delivers, too.
    pub fn deliver(&self) {
        self.fleet.hub().deliver(&self.name, self.fleet.clock.now());
    }

    /// How often the node was asked for its peers.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.fleet.hub().looks(&self.name)
    }
}

impl StateProvider for FleetNode {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(NAME).shared(true).subscribes(true).batch_limit(1_024)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.own.connect()
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        // Unlocked before a subscriber is woken.
        let feed = self.fleet.hub().feed(&self.name);
        feed.inspect(|feed| feed.close());
        self.own.disconnect()
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        self.own.get_vector(route)
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        self.own.warm_start()
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
            self.own.update_batch(batch).await?;
            let now = self.fleet.clock.now();
            let mut hub = self.fleet.hub();
            batch.iter().for_each(|(route, vector)| hub.put(&self.name, route, *vector, now));
            Ok(())
        })
    }

    fn subscribe(&self) -> Option<Subscription> {
        self.fleet.hub().feed(&self.name).map(|feed| feed.subscribe())
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        let now = self.fleet.clock.now();
        self.fleet.hub().look(&self.name, now).map_or_else(Vec::new, |view| view.live(route, now))
    }

    fn peers(&self, route: &RouteId, liveness: &Liveness, peers: &mut Vec<Peer>) {
        let now = self.fleet.clock.now();
        if let Some(view) = self.fleet.hub().look(&self.name, now) {
            peers.extend(view.peers(route, liveness, now));
        }
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.fleet.hub().attach(&self.name, observer);
    }

    fn sharing(&self) -> Option<Sharing> {
        self.fleet.hub().sharing
    }

    fn published_weight(&self, route: &RouteId) -> Option<Weight> {
        self.fleet.hub().published_weight(&self.name, route)
    }
}

impl fmt::Debug for MemoryFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFleet").field("nodes", &self.hub().len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for FleetNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetNode").field("name", &self.name).finish_non_exhaustive()
    }
}

const NAME: &str = "fleet";
