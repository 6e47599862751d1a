// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A store and a channel that work, in virtual time, with nodes that come, go and are cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use atrion_cluster::fleet::{Action, Commit, Committed, Digest, Fleet, FleetConfig, Received, Record};
use atrion_cluster::wire::{ClusterHash, Header, Message, encode};
use atrion_core::{Mode, Mono, Ohms, Wall};
use atrion_state::{Change, DecayRate, NodeId, PhysicsVector, RouteId, Weight};

pub const CLUSTER: ClusterHash = ClusterHash::from_u64(7);

/// A node's record as the store has it.
#[derive(Debug, Clone)]
struct Stored {
    fields: BTreeMap<String, Message>,
    header: Header,
    ends: Mono,
}

#[derive(Debug)]
pub struct World {
    pub now: Mono,
    pub nodes: Vec<Option<Fleet>>,
    /// Nodes that the store cannot be reached from.
    pub cut: BTreeSet<usize>,
    /// Nodes whose words vanish on the way to the store, with nobody told.
    pub mute: BTreeSet<usize>,
    store: BTreeMap<NodeId, Stored>,
    /// Everything that was published, to the byte.
    pub log: Vec<Vec<u8>>,
    /// What happens to a message on its way to a node: how often it arrives.
    pub arrives: fn(usize, u64) -> usize,
    messages: u64,
    /// What followers of a node's changes heard, by node.
    pub changes: BTreeMap<usize, Vec<Change>>,
}

pub fn route(name: &str) -> RouteId {
    RouteId::new(name).unwrap()
}

pub fn node(number: usize) -> NodeId {
    NodeId::new(&format!("pod-{number}")).unwrap()
}

pub fn vector(scar: f64, weight: u8) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0), Ohms::saturating(scar))
        .with_weight(Weight::from_255ths(weight))
        .with_decay_rate(DecayRate::saturating(0.1))
}

pub fn fleet(number: usize, now: Mono, wall: u64) -> Fleet {
    Fleet::new(FleetConfig::new(CLUSTER, node(number)), now, Wall::from_millis(wall), number as u64)
}

impl World {
    pub fn new(nodes: usize) -> Self {
        let mut world = Self {
            now: Mono::from_nanos(1_000_000_000),
            nodes: (0..nodes).map(|_| None).collect(),
            cut: BTreeSet::new(),
            mute: BTreeSet::new(),
            store: BTreeMap::new(),
            log: Vec::new(),
            arrives: |_, _| 1,
            messages: 0,
            changes: BTreeMap::new(),
        };
        for number in 0..nodes {
            world.start(number, 1_000_000);
        }
        world
    }

    /// A node begins a life.
    pub fn start(&mut self, number: usize, wall: u64) {
        self.nodes[number] = Some(fleet(number, self.now, wall));
        self.connect(number);
    }

    pub fn node(&mut self, number: usize) -> &mut Fleet {
        self.nodes[number].as_mut().unwrap()
    }

    /// SUBSCRIBE is implied: PULL, PUSH, LIVE.
    pub fn connect(&mut self, number: usize) {
        let now = self.now;
        for (name, stored) in self.store.clone() {
            let record = self.record(&stored);
            let fleet = self.node(number);
            assert_eq!(name, record.header.node);
            let changes = fleet.load(record, now);
            self.changes.entry(number).or_default().extend(changes);
        }
        self.node(number).remembered();
        let commit = self.node(number).push(now);
        self.commit(number, commit);
        self.node(number).go_live(now);
    }

    pub fn cut(&mut self, number: usize) {
        self.cut.insert(number);
        let now = self.now;
        self.node(number).disconnected(now);
    }

    pub fn heal(&mut self, number: usize) {
        self.cut.remove(&number);
        self.connect(number);
    }

    pub fn flush(&mut self) {
        self.store.clear();
    }

    pub fn leave(&mut self, number: usize) {
        let now = self.now;
        let commit = self.node(number).leave(now);
        self.commit(number, commit);
        self.nodes[number] = None;
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        while self.now < end {
            self.now = self.now.after(Duration::from_millis(20));
            for number in 0..self.nodes.len() {
                self.act(number);
            }
        }
    }

    /// How many fields a node's record has beside its header.
    pub fn fields(&self, number: usize) -> usize {
        self.store[&node(number)].fields.len()
    }

    pub fn stored(&self) -> usize {
        self.store.len()
    }

    fn act(&mut self, number: usize) {
        let now = self.now;
        while let Some(action) = self.nodes[number].as_mut().and_then(|fleet| fleet.poll(now)) {
            match action {
                Action::Publish(messages) if self.mute.contains(&number) => drop(messages),
                Action::Publish(messages) => {
                    self.publish(messages);
                    self.node(number).published(now);
                }
                Action::Commit(commit) if self.mute.contains(&number) => drop(commit),
                Action::Commit(commit) => self.commit(number, commit),
                Action::Compare => {
                    let digests: Vec<_> = self.living().map(|stored| self.digest(&stored)).collect();
                    self.node(number).compared(&digests, now);
                }
                Action::Pull(nodes) => {
                    for name in nodes {
                        let stored = self.living().find(|stored| stored.header.node == name);
                        match stored.map(|stored| self.record(&stored)) {
                            Some(record) => drop(self.node(number).load(record, now)),
                            None => self.node(number).absent(&name),
                        }
                    }
                    self.node(number).pulled();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn commit(&mut self, number: usize, commit: Commit) {
        let now = self.now;
        let gone = self.store.get(&commit.node).is_some_and(|stored| stored.ends <= now);
        if commit.replaces || gone {
            self.store.remove(&commit.node);
        }
        let known = self.store.contains_key(&commit.node);
        let header = commit.header.clone();
        let stored =
            self.store.entry(commit.node).or_insert(Stored { fields: BTreeMap::new(), header, ends: now });
        let mut added = usize::from(!known);
        for part in commit.parts {
            encode(&part.message.header, &part.message.entries, None).unwrap();
            added += usize::from(stored.fields.insert(part.field, part.message).is_none());
        }
        (stored.header, stored.ends) = (commit.header, now.after(commit.ttl));
        self.publish(commit.messages);
        self.node(number).committed(Committed::Stored { added }, now);
    }

    fn publish(&mut self, messages: Vec<Message>) {
        let now = self.now;
        for message in messages {
            let bytes = encode(&message.header, &message.entries, None).unwrap();
            for number in 0..self.nodes.len() {
                self.messages += 1;
                let times = (self.arrives)(number, self.messages);
                let reachable = !self.cut.contains(&number);
                if let Some(fleet) = self.nodes[number].as_mut().filter(|_| reachable) {
                    for _ in 0..times {
                        if let Received::Taken(changes) = fleet.receive(message.clone(), bytes.len(), now) {
                            self.changes.entry(number).or_default().extend(changes);
                        }
                    }
                }
            }
            self.log.push(bytes);
        }
    }

    fn living(&self) -> impl Iterator<Item = Stored> {
        let now = self.now;
        self.store.values().filter(move |stored| stored.ends > now).cloned()
    }

    fn digest(&self, stored: &Stored) -> Digest {
        Digest { header: stored.header.clone(), ttl: Some(stored.ends.since(self.now)) }
    }

    fn record(&self, stored: &Stored) -> Record {
        let Digest { header, ttl } = self.digest(stored);
        Record { header, parts: stored.fields.values().cloned().collect(), ttl, complete: true }
    }
}
