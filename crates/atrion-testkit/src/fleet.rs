// SPDX-License-Identifier: Apache-2.0
//! A fleet in one process: every node hears every other at once, until somebody cuts the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_core::Mono;
use atrion_state::{
    BoxFuture, Capabilities, Change, Clock, Event, Feed, InMemoryProvider, Liveness, NodeId, Observer,
    PhysicsVector, ProviderError, Register, RegisterSet, RegisterSetLimits, RouteId, Sharing, StateProvider,
    Subscription, Weight, lock,
};

/// Nodes that see each other's registers without delay, for tests of whoever merges them.
///
/// [`node`](Self::node) gives a node's provider; two calls with one name give two handles of one node. Clones are the
/// same fleet.
#[derive(Clone)]
pub struct MemoryFleet(Arc<Hub>);

struct Hub {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    sharing: Option<Sharing>,
    nodes: BTreeMap<NodeId, Node>,
    cut: BTreeSet<NodeId>,
    version: u64,
}

struct Node {
    own: InMemoryProvider,
    latest: BTreeMap<RouteId, Said>,
    view: RegisterSet,
    feed: Arc<Feed>,
    observer: Option<Arc<dyn Observer>>,
}

/// A register, and when it was valid as it stands here.
#[derive(Clone)]
struct Said {
    register: Register,
    at: Mono,
}

/// One node of a [`MemoryFleet`].
#[derive(Clone)]
pub struct FleetNode {
    hub: Arc<Hub>,
    name: NodeId,
    own: InMemoryProvider,
}

impl MemoryFleet {
    /// A fleet without nodes that listens in the recommended way; vectors age by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (nodes, cut) = (BTreeMap::new(), BTreeSet::new());
        let state = State { sharing: Some(Sharing::default()), nodes, cut, version: 0 };
        Self(Arc::new(Hub { clock, state: Mutex::new(state) }))
    }

    /// Says how every node is to listen; `None`: nothing is shared.
    pub fn listen(&self, sharing: Option<Sharing>) {
        self.0.state().sharing = sharing;
    }

    /// The node of that name, made if it is new.
    #[must_use]
    pub fn node(&self, name: &NodeId) -> FleetNode {
        let mut state = self.0.state();
        if let Some(known) = state.nodes.get(name) {
            return FleetNode { hub: Arc::clone(&self.0), name: name.clone(), own: known.own.clone() };
        }
        let own = InMemoryProvider::with_clock(Arc::clone(&self.0.clock));
        let node = Node {
            own: own.clone(),
            latest: BTreeMap::new(),
            view: RegisterSet::new(RegisterSetLimits::default(), Liveness::default()),
            feed: Arc::default(),
            observer: None,
        };
        state.nodes.insert(name.clone(), node);
        state.everybody_says_all(self.0.clock.now());
        FleetNode { hub: Arc::clone(&self.0), name: name.clone(), own }
    }

    /// Nobody hears this node any more, and it hears nobody.
    pub fn cut(&self, name: &NodeId) {
        let mut state = self.0.state();
        state.greet(self.0.clock.now());
        state.cut.insert(name.clone());
    }

    /// Mends what [`cut`](Self::cut) did; everybody says all that was missed.
    pub fn mend(&self, name: &NodeId) {
        let observers: Vec<_> = {
            let mut state = self.0.state();
            state.cut.remove(name);
            state.everybody_says_all(self.0.clock.now());
            let others = state.nodes.iter().filter(|(one, _)| *one != name);
            let others: Vec<_> = others.map(|(one, node)| (one.clone(), node.observer.clone())).collect();
            let returned = state.nodes.get(name).and_then(|node| node.observer.clone());
            let to_it = others.iter().map(|(one, _)| (returned.clone(), one.clone()));
            let to_them = others.iter().map(|(_, observer)| (observer.clone(), name.clone()));
            to_it.chain(to_them).collect()
        };
        for (observer, node) in observers {
            if let Some(observer) = observer {
                observer.on_event(&Event::NodeJoined { provider: "fleet", node });
            }
        }
    }
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        // Valid after every single step.
        lock(&self.state)
    }
}

impl State {
    /// Whoever is not cut off is heard of now.
    fn greet(&mut self, now: Mono) {
        let Self { nodes, cut, .. } = self;
        let here: Vec<_> = nodes.keys().filter(|name| !cut.contains(*name)).cloned().collect();
        for (name, node) in nodes.iter_mut().filter(|(name, _)| !cut.contains(*name)) {
            for peer in here.iter().filter(|peer| *peer != name) {
                node.view.heard(peer, INCARNATION, now);
            }
        }
    }

    fn everybody_says_all(&mut self, now: Mono) {
        self.greet(now);
        let all = self.nodes.values().flat_map(|node| &node.latest);
        let all: Vec<_> = all.map(|(route, said)| (route.clone(), said.clone())).collect();
        all.iter().for_each(|(route, said)| self.say(route, said, now));
    }

    fn say(&mut self, route: &RouteId, said: &Said, now: Mono) {
        let Self { nodes, cut, .. } = self;
        let mut register = said.register.clone();
        register.vector = register.vector.older_by(now.since(said.at));
        if cut.contains(&register.node) {
            return;
        }
        for (name, node) in nodes.iter_mut().filter(|(name, _)| !cut.contains(*name)) {
            if *name != register.node && node.view.accept(route.clone(), &register, now) {
                node.feed.publish(&Change::new(route.clone(), register.clone()));
            }
        }
    }
}

const INCARNATION: u64 = 1;

impl FleetNode {
    fn store(&self, batch: &[(RouteId, PhysicsVector)]) {
        let now = self.hub.clock.now();
        let mut state = self.hub.state();
        for (route, vector) in batch {
            state.version += 1;
            let register = Register::new(self.name.clone(), INCARNATION, state.version, *vector);
            let said = Said { register, at: now };
            state.say(route, &said, now);
            if let Some(node) = state.nodes.get_mut(&self.name) {
                node.latest.insert(route.clone(), said);
            }
        }
    }
}

impl StateProvider for FleetNode {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("fleet").shared(true).subscribes(true).batch_limit(1_024)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.own.connect()
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        if let Some(node) = self.hub.state().nodes.get(&self.name) {
            node.feed.close();
        }
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
            self.store(batch);
            Ok(())
        })
    }

    fn subscribe(&self) -> Option<Subscription> {
        self.hub.state().nodes.get(&self.name).map(|node| node.feed.subscribe())
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        let now = self.hub.clock.now();
        let mut state = self.hub.state();
        state.greet(now);
        state.nodes.get(&self.name).map_or_else(Vec::new, |node| node.view.live(route, now))
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        if let Some(node) = self.hub.state().nodes.get_mut(&self.name) {
            node.observer = Some(observer);
        }
    }

    fn sharing(&self) -> Option<Sharing> {
        self.hub.state().sharing
    }

    fn published_weight(&self, route: &RouteId) -> Option<Weight> {
        let state = self.hub.state();
        let said = state.nodes.get(&self.name)?.latest.get(route)?;
        Some(said.register.vector.weight)
    }
}

impl fmt::Debug for MemoryFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFleet").field("nodes", &self.0.state().nodes.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for FleetNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetNode").field("name", &self.name).finish_non_exhaustive()
    }
}
