// SPDX-License-Identifier: Apache-2.0
//! The port of one node, over its voice and its ear. It answers from memory, as every provider of a fleet does; the
//! world carries the messages.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atrion_core::{Mono, Peer};
use atrion_state::{
    BoxFuture, Capabilities, Change, Clock as _, Event, FakeClock, Feed, Liveness, NodeId, Observer,
    PhysicsVector, ProviderError, Register, RouteId, Sharing, StateProvider, Subscription, Weight,
};

use super::ear::Ear;
use super::voice::{Message, Record, Voice};

pub(super) struct Virtual {
    clock: FakeClock,
    route: RouteId,
    /// Everybody's name, by number.
    names: Arc<[NodeId]>,
    sharing: Sharing,
    feed: Feed,
    state: Mutex<State>,
}

struct State {
    voice: Voice,
    ear: Ear,
    observer: Option<Arc<dyn Observer>>,
    /// How often the gate's merge has asked for peers, and how many registers it was given.
    looks: u64,
    seen: u64,
}

impl Virtual {
    pub(super) fn new(
        clock: FakeClock,
        route: RouteId,
        names: Arc<[NodeId]>,
        sharing: Sharing,
        voice: Voice,
        ear: Ear,
    ) -> Self {
        let state = Mutex::new(State { voice, ear, observer: None, looks: 0, seen: 0 });
        Self { clock, route, names, sharing, feed: Feed::default(), state }
    }

    /// The urgent lane's word, if there is one.
    pub(super) fn urgent(&self, now: Mono) -> Option<Message> {
        self.state().voice.urgent(now)
    }

    /// The lazy lane's word, and what the store is to hold.
    pub(super) fn beat(&self, now: Mono) -> (Message, Record) {
        let mut state = self.state();
        let message = state.voice.lazy(now);
        (message, state.voice.record(now))
    }

    /// The connection is new.
    pub(super) fn doubt(&self) {
        self.state().voice.doubt();
    }

    /// Takes a message; says when to read the sender's record if something is missing.
    pub(super) fn hear(&self, message: &Message, now: Mono) -> Option<Mono> {
        let name = &self.names[message.from];
        let heard = self.state().ear.hear(message, name, &self.route, now);
        if let Some(register) = heard.news {
            self.feed.publish(&Change::new(self.route.clone(), register));
        }
        if heard.is_back {
            // Unlocked before anybody is told.
            let observer = self.state().observer.clone();
            let event = Event::NodeJoined { provider: NAME, node: name.clone() };
            observer.inspect(|observer| observer.on_event(&event));
        }
        heard.pull
    }

    /// Takes a record that was read from the store.
    pub(super) fn read(&self, from: usize, record: Option<&Record>, now: Mono) {
        let news = self.state().ear.read(from, record, &self.names[from], &self.route, now);
        if let Some(register) = news {
            self.feed.publish(&Change::new(self.route.clone(), register));
        }
    }

    /// How often the gate's merge has asked for peers, and how many registers it was given.
    pub(super) fn looks(&self) -> (u64, u64) {
        let state = self.state();
        (state.looks, state.seen)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Valid after every single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateProvider for Virtual {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(NAME).shared(true).subscribes(true).buffered(true)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.feed.close();
        Box::pin(std::future::ready(Ok(())))
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        let own = (*route == self.route).then(|| self.state().voice.own(self.clock.now())).flatten();
        Box::pin(std::future::ready(Ok(own)))
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        // The overflow route of an engine is nobody's business here.
        if route == self.route {
            self.state().voice.put(vector, self.clock.now());
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn subscribe(&self) -> Option<Subscription> {
        Some(self.feed.subscribe())
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        self.state().ear.view(route, self.clock.now())
    }

    fn peers(&self, route: &RouteId, liveness: &Liveness, peers: &mut Vec<Peer>) {
        let mut state = self.state();
        let before = peers.len();
        peers.extend(state.ear.peers(route, liveness, self.clock.now()));
        state.looks += 1;
        state.seen += (peers.len() - before) as u64;
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(self.sharing)
    }

    fn published_weight(&self, route: &RouteId) -> Option<Weight> {
        if *route == self.route { self.state().voice.said_weight() } else { None }
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.state().observer = Some(observer);
    }
}

impl fmt::Debug for Virtual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Virtual").field("route", &self.route).finish_non_exhaustive()
    }
}

const NAME: &str = "virtual";
