// SPDX-License-Identifier: Apache-2.0
//! What is said by which node, what is on its way, and what has arrived: registers between the
//! nodes, without clock or lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{
    Change, Feed, InMemoryProvider, Liveness, NodeId, Observer, PhysicsVector, Register, RegisterSet,
    RegisterSetLimits, RouteId, Sharing, Weight,
};

/// How long the next register takes to one listener.
type Way = Box<dyn FnMut() -> Duration + Send>;

pub(super) struct Hub {
    pub(super) sharing: Option<Sharing>,
    way: Way,
    speakers: BTreeMap<NodeId, Speaker>,
    /// The same nodes, as the ones that hear.
    listeners: BTreeMap<NodeId, Listener>,
    /// Nodes that hear no other, and that no other hears.
    cut: BTreeSet<NodeId>,
    /// Rises with every register that is said.
    version: u64,
    /// Rises with every register that is on its way.
    sent: u64,
}

struct Speaker {
    own: InMemoryProvider,
    latest: BTreeMap<RouteId, Said>,
}

struct Listener {
    view: RegisterSet,
    /// What is on its way to the node, by arrival; what was sent first comes first.
    coming: BTreeMap<(Mono, u64), (RouteId, Said)>,
    feed: Arc<Feed>,
    observer: Option<Arc<dyn Observer>>,
    looks: u64,
}

/// A register, and when it was valid as it stands here.
#[derive(Clone)]
struct Said {
    register: Register,
    at: Mono,
}

impl Hub {
    pub(super) fn new(way: Way) -> Self {
        Self {
            sharing: Some(Sharing::default()),
            way,
            speakers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            cut: BTreeSet::new(),
            version: 0,
            sent: 0,
        }
    }

    /// The node of that name, with what it stores for itself. A new node hears what the others have
    /// said.
    pub(super) fn node(
        &mut self,
        name: &NodeId,
        own: impl FnOnce() -> InMemoryProvider,
        now: Mono,
    ) -> InMemoryProvider {
        if let Some(known) = self.speakers.get(name) {
            return known.own.clone();
        }
        let own = own();
        self.speakers.insert(name.clone(), Speaker { own: own.clone(), latest: BTreeMap::new() });
        self.listeners.insert(name.clone(), Listener::new());
        self.tell(name, now);
        own
    }

    /// Says a register to every node that can be reached.
    pub(super) fn put(&mut self, name: &NodeId, route: &RouteId, vector: PhysicsVector, now: Mono) {
        let Some(speaker) = self.speakers.get_mut(name) else { return };
        self.version += 1;
        let said = Said { register: Register::new(name.clone(), LIFE, self.version, vector), at: now };
        speaker.latest.insert(route.clone(), said.clone());
        self.publish(route, &said, now);
    }

    /// Separates a node from all others. Until now each has heard of the other.
    pub(super) fn cut(&mut self, name: &NodeId, now: Mono) {
        if self.cut.contains(name) {
            return;
        }
        self.greet(name, now);
        self.cut.insert(name.clone());
        for (_, listener) in self.listeners.iter_mut().filter(|(other, _)| !self.cut.contains(*other)) {
            listener.view.heard(name, LIFE, now);
        }
    }

    /// Ends a cut. Gives each observer that is to be told, with the node that is there again.
    pub(super) fn mend(&mut self, name: &NodeId, now: Mono) -> Vec<(Arc<dyn Observer>, NodeId)> {
        self.cut.remove(name);
        let latest = self.speakers.get(name).map(|speaker| speaker.latest.clone()).unwrap_or_default();
        latest.iter().for_each(|(route, said)| self.publish(route, said, now));
        self.tell(name, now);
        let returned = self.listeners.get(name).and_then(|node| node.observer.clone());
        let others = self.listeners.iter().filter(|(other, _)| *other != name);
        let greetings = others.flat_map(|(other, node)| {
            let to_it = returned.clone().map(|observer| (observer, other.clone()));
            let to_them = node.observer.clone().map(|observer| (observer, name.clone()));
            to_it.into_iter().chain(to_them)
        });
        greetings.collect()
    }

    /// Gives a node what has arrived for it. Nothing arrives where the wire is cut.
    pub(super) fn deliver(&mut self, name: &NodeId, now: Mono) {
        let Some(listener) = self.listeners.get_mut(name).filter(|_| !self.cut.contains(name)) else {
            return;
        };
        while let Some(first) = listener.coming.first_entry().filter(|first| first.key().0 <= now) {
            let (route, said) = first.remove();
            listener.take(&route, &said, now);
        }
    }

    /// What a node has heard, with everything that has arrived.
    pub(super) fn look(&mut self, name: &NodeId, now: Mono) -> Option<&RegisterSet> {
        self.deliver(name, now);
        self.greet(name, now);
        let listener = self.listeners.get_mut(name)?;
        listener.looks += 1;
        Some(&listener.view)
    }

    pub(super) fn feed(&self, name: &NodeId) -> Option<Arc<Feed>> {
        self.listeners.get(name).map(|listener| Arc::clone(&listener.feed))
    }

    pub(super) fn attach(&mut self, name: &NodeId, observer: Arc<dyn Observer>) {
        if let Some(listener) = self.listeners.get_mut(name) {
            listener.observer = Some(observer);
        }
    }

    pub(super) fn published_weight(&self, name: &NodeId, route: &RouteId) -> Option<Weight> {
        Some(self.speakers.get(name)?.latest.get(route)?.register.vector.weight)
    }

    pub(super) fn looks(&self, name: &NodeId) -> u64 {
        self.listeners.get(name).map_or(0, |listener| listener.looks)
    }

    pub(super) fn len(&self) -> usize {
        self.speakers.len()
    }

    /// A node hears of every other that it can reach.
    fn greet(&mut self, name: &NodeId, now: Mono) {
        let Some(listener) = self.listeners.get_mut(name).filter(|_| !self.cut.contains(name)) else {
            return;
        };
        for other in self.speakers.keys().filter(|other| *other != name && !self.cut.contains(*other)) {
            listener.view.heard(other, LIFE, now);
        }
    }

    /// All that the others have said goes to one node.
    fn tell(&mut self, name: &NodeId, now: Mono) {
        self.greet(name, now);
        let Some(listener) = self.listeners.get_mut(name) else { return };
        let others = self.speakers.iter().filter(|(other, _)| *other != name && !self.cut.contains(*other));
        for (route, said) in others.flat_map(|(_, speaker)| &speaker.latest) {
            self.sent += 1;
            listener.send((self.way)(), self.sent, route, said, now);
        }
    }

    /// What a node says goes to all others.
    fn publish(&mut self, route: &RouteId, said: &Said, now: Mono) {
        let speaker = &said.register.node;
        if self.cut.contains(speaker) {
            return;
        }
        let others =
            self.listeners.iter_mut().filter(|(name, _)| *name != speaker && !self.cut.contains(*name));
        for (_, listener) in others {
            self.sent += 1;
            listener.send((self.way)(), self.sent, route, said, now);
        }
    }
}

impl Listener {
    fn new() -> Self {
        let view = RegisterSet::new(RegisterSetLimits::default(), Liveness::default());
        Self { view, coming: BTreeMap::new(), feed: Arc::default(), observer: None, looks: 0 }
    }

    fn send(&mut self, way: Duration, nth: u64, route: &RouteId, said: &Said, now: Mono) {
        if way.is_zero() {
            self.take(route, said, now);
        } else {
            self.coming.insert((now.after(way), nth), (route.clone(), said.clone()));
        }
    }

    fn take(&mut self, route: &RouteId, said: &Said, now: Mono) {
        let mut register = said.register.clone();
        register.vector = register.vector.older_by(now.since(said.at));
        if self.view.accept(route.clone(), &register, now) {
            self.feed.publish(&Change::new(route.clone(), register));
        }
    }
}

/// No node is restarted here.
const LIFE: u64 = 1;
