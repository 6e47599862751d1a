// SPDX-License-Identifier: Apache-2.0
//! The loop: requests, ends of calls, pulses, heartbeats, messages on their way, in the order of virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Outcome as Verdict};
use atrion_state::{FakeClock, Liveness, NodeId, Sharing};

use super::ear::Ear;
use super::network::Store;
use super::node::{Arrival, Node};
use super::provider::Virtual;
use super::tally::{Outcome, Tally};
use super::voice::{Message, Voice};
use super::{Fleet, FleetError, SECONDS};
use crate::dice::Dice;

pub(super) struct World<'f> {
    fleet: &'f Fleet,
    clock: FakeClock,
    now: Mono,
    nodes: Vec<Node>,
    store: Store,
    heartbeat: Duration,
    tally: Tally,
    coming: Vec<Arrival>,
    agenda: BinaryHeap<Reverse<Entry>>,
    entries: u64,
    messages: u64,
}

/// What happens when. Of what happens at the same time, what was planned first comes first.
struct Entry {
    at: Mono,
    nth: u64,
    what: What,
}

enum What {
    Request {
        node: usize,
    },
    End {
        node: usize,
        place: usize,
        verdict: Verdict,
    },
    Pulse {
        node: usize,
    },
    Beat {
        node: usize,
    },
    Hear {
        node: usize,
        message: Rc<Message>,
    },
    /// A node begins to read another's record.
    Pull {
        node: usize,
        from: usize,
    },
    Read {
        node: usize,
        from: usize,
    },
    Offline {
        node: usize,
    },
    Online {
        node: usize,
    },
}

impl<'f> World<'f> {
    pub(super) fn new(fleet: &'f Fleet) -> Result<Self, FleetError> {
        let clock = FakeClock::new();
        let nodes = (0..fleet.nodes).map(|node| Node::new(node, &clock, fleet.seed));
        let mut world = Self {
            fleet,
            now: Mono::ZERO,
            nodes: nodes.collect::<Result<_, _>>()?,
            store: Store::new(fleet.network, fleet.nodes, fleet.seed),
            heartbeat: heartbeat(fleet.nodes),
            tally: Tally::new(fleet),
            coming: Vec::new(),
            agenda: BinaryHeap::new(),
            entries: 0,
            messages: 0,
            clock,
        };
        world.share()?;
        world.plan();
        Ok(world)
    }

    /// Every node gets a provider, unless nothing is shared.
    fn share(&mut self) -> Result<(), FleetError> {
        let Some(gamma) = self.fleet.gamma else { return Ok(()) };
        let names = (0..self.fleet.nodes).map(|node| NodeId::new(&format!("node-{node:03}")));
        let names: Arc<[NodeId]> = names.collect::<Result<_, _>>()?;
        let liveness = Liveness::new(3 * self.heartbeat, 10 * self.heartbeat);
        let sharing = Sharing::new(gamma).with_direction(self.fleet.direction).with_liveness(liveness);
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let ear = Ear::new(number, names.len(), liveness, self.fleet.seed);
            let voice = Voice::new(number);
            node.join(Virtual::new(self.clock.clone(), Arc::clone(&names), sharing, voice, ear));
        }
        Ok(())
    }

    /// Nobody begins in step with anybody.
    fn plan(&mut self) {
        let mut dice = Dice::stream(self.fleet.seed, PURPOSE);
        for node in 0..self.fleet.nodes {
            let arrival = self.nodes[node].next();
            self.at(arrival.at, What::Request { node });
            self.coming.push(arrival);
            self.after(TICK.mul_f64(dice.unit()), What::Pulse { node });
            self.after(self.heartbeat.mul_f64(dice.unit()), What::Beat { node });
            if let Some(cut) = self.fleet.network.cut.filter(|cut| cut.concerns(node, self.fleet.nodes)) {
                self.after(Duration::from_secs_f64(cut.from), What::Offline { node });
                let patience = self.store.patience();
                self.after(Duration::from_secs_f64(cut.to) + patience, What::Online { node });
            }
        }
    }

    pub(super) fn live(mut self) -> Outcome {
        let end = Mono::ZERO.after(Duration::from_secs_f64(SECONDS));
        while let Some(Reverse(entry)) = self.agenda.pop().filter(|Reverse(entry)| entry.at < end) {
            self.now = entry.at;
            self.clock.set(entry.at);
            self.happen(entry.what);
        }
        let providers = self.nodes.iter().filter_map(|node| node.provider.as_ref());
        let looks = providers.map(|provider| provider.looks());
        let looks = looks.fold((0, 0), |(views, registers), (one, seen)| (views + one, registers + seen));
        self.tally.outcome(self.messages, looks)
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Request { node } => self.request(node),
            What::End { node, place, verdict } => self.nodes[node].finish(place, verdict, self.now),
            What::Pulse { node } => self.pulse(node),
            What::Beat { node } => {
                self.beat(node);
                self.after(self.heartbeat, What::Beat { node });
            }
            What::Hear { node, message } => self.hear(node, &message),
            What::Pull { node, from } => {
                let trip = self.store.trip();
                self.after(trip, What::Read { node, from });
            }
            What::Read { node, from } => self.read(node, from),
            What::Offline { node } => self.store.connect(node, false),
            What::Online { node } => self.come_back(node),
        }
    }

    fn request(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let arrival = std::mem::replace(&mut self.coming[number], node.next());
        let seconds = self.now.seconds_since(Mono::ZERO);
        let fate = self.fleet.trouble.fate(number, seconds, arrival.luck);
        let call = node.admit(&arrival, fate);
        self.tally.decided(number, arrival.request.tier, fate, call.is_some(), self.now);
        if let Some(call) = call {
            self.at(call.ends, What::End { node: number, place: call.place, verdict: call.outcome });
        }
        self.at(self.coming[number].at, What::Request { node: number });
    }

    fn pulse(&mut self, number: usize) {
        let node = &self.nodes[number];
        node.pulse(self.now);
        self.tally.looked(number, &node.snapshot(), self.now);
        let reached = node.provider.as_ref().filter(|_| self.store.reaches(number));
        if let Some(message) = reached.and_then(|provider| provider.urgent(self.now)) {
            self.publish(message);
        }
        self.after(TICK, What::Pulse { node: number });
    }

    fn beat(&mut self, number: usize) {
        let Some(provider) = self.nodes[number].provider.as_ref().filter(|_| self.store.reaches(number))
        else {
            return;
        };
        let (message, record) = provider.beat(self.now);
        self.store.keep(number, record);
        self.publish(message);
    }

    fn publish(&mut self, message: Message) {
        let message = Rc::new(message);
        let Self { store, agenda, entries, now, .. } = self;
        store.publish(&message, *now, |node, at| {
            *entries += 1;
            let what = What::Hear { node, message: Rc::clone(&message) };
            agenda.push(Reverse(Entry { at, nth: *entries, what }));
        });
    }

    fn hear(&mut self, number: usize, message: &Message) {
        let Some(provider) = self.nodes[number].provider.as_ref().filter(|_| self.store.reaches(number))
        else {
            return;
        };
        self.messages += 1;
        if let Some(at) = provider.hear(message, self.now) {
            self.at(at, What::Pull { node: number, from: message.from });
        }
    }

    fn read(&mut self, number: usize, from: usize) {
        if let Some(provider) = self.nodes[number].provider.as_ref().filter(|_| self.store.reaches(number)) {
            provider.read(from, self.store.record(from), self.now);
        }
    }

    /// A new connection: everything is said and read again.
    fn come_back(&mut self, number: usize) {
        self.store.connect(number, true);
        if let Some(provider) = &self.nodes[number].provider {
            provider.doubt();
        }
        self.beat(number);
        for from in (0..self.fleet.nodes).filter(|from| *from != number) {
            self.after(Duration::ZERO, What::Pull { node: number, from });
        }
    }

    fn after(&mut self, span: Duration, what: What) {
        self.at(self.now.after(span), what);
    }

    fn at(&mut self, at: Mono, what: What) {
        self.entries += 1;
        self.agenda.push(Reverse(Entry { at, nth: self.entries, what }));
    }
}

/// Every node hears every other, so a store delivers N^2 messages a heartbeat, and 50,000 a second are comfortable.
fn heartbeat(nodes: usize) -> Duration {
    Duration::from_secs_f64((nodes * nodes) as f64 / 50_000.0).max(Duration::from_secs(1))
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}

/// As in production.
const TICK: Duration = Duration::from_millis(100);
const PURPOSE: u64 = 0xf1_ee_70;
