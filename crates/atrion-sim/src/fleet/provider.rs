// SPDX-License-Identifier: Apache-2.0
//! The port of one node, over its voice and its ear. It answers from memory, as every provider of a fleet does; the
//! world carries the messages.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_core::{Mono, Peer};
use atrion_state::{
    BoxFuture, Capabilities, Clock as _, Event, FakeClock, Feed, Liveness, NodeId, Observer, PhysicsVector,
    ProviderError, Register, RouteId, Sharing, StateProvider, Subscription, Weight, lock,
};

use super::ear::Ear;
use super::voice::{Message, Record, Voice};

pub(super) struct Virtual {
    clock: FakeClock,
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
        names: Arc<[NodeId]>,
        sharing: Sharing,
        voice: Voice,
        ear: Ear,
    ) -> Self {
        let state = Mutex::new(State { voice, ear, observer: None, looks: 0, seen: 0 });
        Self { clock, names, sharing, feed: Feed::default(), state }
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
        let heard = self.state().ear.hear(message, name, now);
        heard.news.iter().for_each(|change| self.feed.publish(change));
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
        let news = self.state().ear.read(from, record, &self.names[from], now);
        news.iter().for_each(|change| self.feed.publish(change));
    }

    /// How often the gate's merge has asked for peers, and how many registers it was given.
    pub(super) fn looks(&self) -> (u64, u64) {
        let state = self.state();
        (state.looks, state.seen)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Valid after every single step.
        lock(&self.state)
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
        let own = self.state().voice.own(route, self.clock.now());
        Box::pin(std::future::ready(Ok(own)))
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.state().voice.put(route, vector, self.clock.now());
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
        self.state().voice.said_weight(route)
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.state().observer = Some(observer);
    }
}

impl fmt::Debug for Virtual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Virtual").field("nodes", &self.names.len()).finish_non_exhaustive()
    }
}

const NAME: &str = "virtual";

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::time::Duration;

    use atrion_core::Gamma;
    use atrion_testkit::contract::{self, Subject, Time};
    use tokio::time::{Instant, sleep};

    use super::super::network::{Network, Store};
    use super::*;

    /// Carries what two nodes say, as the world does, for as long as there are both. A store has a clock of its own for
    /// whoever uses it; this one is in step with tokio's, which is paused and jumps to whatever comes next.
    async fn carry(clock: FakeClock, nodes: [Weak<Virtual>; 2]) {
        let mut store = Store::new(Network { loss: 0.0, ..Network::default() }, nodes.len(), 1);
        let (began, mut next_beat, mut under_way) = (Instant::now(), Mono::ZERO, Vec::new());
        while let [Some(one), Some(two)] = nodes.each_ref().map(Weak::upgrade) {
            let (nodes, now) = ([one, two], Mono::ZERO.after(began.elapsed()));
            clock.set(now);
            let is_beat = now >= next_beat;
            if is_beat {
                next_beat = now.after(HEARTBEAT);
            }
            for node in &nodes {
                let beat = is_beat.then(|| node.beat(now).0);
                for message in node.urgent(now).into_iter().chain(beat) {
                    store.publish(&message, now, |listener, at| {
                        under_way.push((at, listener, message.clone()));
                    });
                }
            }
            for (_, listener, message) in under_way.extract_if(.., |(at, ..)| *at <= now) {
                assert_eq!(nodes[listener].hear(&message, now), None, "nothing is lost here");
            }
            drop(nodes);
            sleep(Duration::from_millis(1)).await;
        }
    }

    const HEARTBEAT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_contract_is_kept() {
        let names: Arc<[NodeId]> = ["one", "two"].map(|name| NodeId::new(name).unwrap()).into();
        let sharing = Sharing::new(Gamma::RECOMMENDED);
        let report = contract::run_all(|| async {
            let clock = FakeClock::new();
            let [one, two] = [0, 1].map(|number| {
                let ear = Ear::new(number, names.len(), Liveness::default(), 1);
                let voice = Voice::new(number);
                Arc::new(Virtual::new(clock.clone(), Arc::clone(&names), sharing, voice, ear))
            });
            tokio::spawn(carry(clock, [&one, &two].map(Arc::downgrade)));
            Subject::new(one, Time::Real).with_peer(two)
        })
        .await;
        report.assert_kept();
        let skipped: Vec<_> = report.skipped().map(|entry| entry.name).collect();
        // It ends with the run, and lists nothing. A shared store with a feed and a peer has no other excuse.
        let excused = [
            "what_was_stored_is_there_when_the_store_is_opened_again",
            "a_warm_start_lists_each_own_route_once_or_none",
        ];
        assert_eq!(skipped, excused, "{report}");
    }
}
