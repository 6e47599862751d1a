// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Nodes, a store, and the wires between them. Every message goes over them as bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use atrion_cluster::fleet::{Action, Commit, Committed, Digest, Fleet, FleetConfig, Record};
use atrion_cluster::wire::{ClusterHash, Expected, Header, Message, decode, encode};
use atrion_core::{Mode, Mono, Ohms, Wall};
use atrion_state::{DecayRate, NodeId, PhysicsVector, RegisterSetLimits, RouteId, Weight};
use atrion_testkit::Random;

use super::plan::{Fault, Plan, STORM_MS};

const CLUSTER: ClusterHash = ClusterHash::from_u64(7);
const WALL_MS: u64 = 1_767_960_000_000;
pub const STEP_MS: u64 = 20;

/// One process, with clocks of its own.
pub struct Process {
    pub fleet: Option<Fleet>,
    pub number: u64,
    /// What its monotonic clock showed at the beginning of the world, and how far it drifts, in millionths.
    offset: u64,
    drift: i64,
    /// Until when it cannot reach the store, or is dead.
    cut_until: u64,
    dead_until: u64,
    lives: u64,
    skew: i64,
    /// What is true of it, whatever it says: scar and weight of each route.
    pub truth: BTreeMap<RouteId, (f64, u8)>,
}

/// A record as the store has it, in bytes, but for its end.
#[derive(Clone)]
struct Stored {
    header: Vec<u8>,
    fields: BTreeMap<String, Vec<u8>>,
    ends: u64,
}

pub struct World {
    pub plan: Plan,
    pub now_ms: u64,
    pub processes: Vec<Process>,
    pub lambda: f64,
    store: BTreeMap<NodeId, Stored>,
    /// Arrival, receiver, bytes; sorted by arrival, and by number where that is the same.
    wires: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    sent: u64,
    random: Random,
    /// A fingerprint of everything that was ever published.
    pub said: u64,
    pub published: u64,
    /// Who asked for more than can be done in an instant, and what for.
    pub restless: Option<String>,
}

pub fn route(number: u64) -> RouteId {
    RouteId::new(&format!("api/{number}")).unwrap()
}

pub fn node(number: u64) -> NodeId {
    NodeId::new(&format!("pod-{number}")).unwrap()
}

/// Far above what the world needs, and low enough to show whoever grows.
pub const LIMITS: RegisterSetLimits = RegisterSetLimits::new(16, 64, 256);

/// A node that is alive and well has done what it has to do after a few actions.
const IN_ONE_INSTANT: u32 = 100;

impl World {
    pub fn new(plan: Plan, nodes: u64, lambda: f64) -> Self {
        let mut random = Random::new(plan.seed ^ 0x5eed);
        let processes = (0..nodes)
            .map(|number| Process {
                fleet: None,
                number,
                offset: random.below(10_000_000_000),
                drift: random.below(2 * plan.drift + 1) as i64 - plan.drift as i64,
                cut_until: 0,
                dead_until: 0,
                lives: 0,
                skew: 0,
                truth: BTreeMap::new(),
            })
            .collect();
        let mut world = Self {
            plan,
            now_ms: 0,
            processes,
            lambda,
            store: BTreeMap::new(),
            wires: BTreeMap::new(),
            sent: 0,
            random,
            said: 0,
            published: 0,
            restless: None,
        };
        (0..nodes as usize).for_each(|number| world.begin(number));
        world
    }

    /// A process's own monotonic clock.
    pub fn clock(&self, number: usize) -> Mono {
        let process = &self.processes[number];
        let elapsed = self.now_ms as i64 * 1_000_000;
        let drifted = elapsed + elapsed / 1_000_000 * process.drift;
        Mono::from_nanos(process.offset + drifted as u64)
    }

    fn wall(&self, number: usize) -> u64 {
        (WALL_MS + self.now_ms).saturating_add_signed(self.processes[number].skew * 1_000)
    }

    /// A process begins a life, with what the store knows of its last one.
    fn begin(&mut self, number: usize) {
        let (now, wall) = (self.clock(number), Wall::from_millis(self.wall(number)));
        let process = &mut self.processes[number];
        process.lives += 1;
        let mut config = FleetConfig::new(CLUSTER, node(process.number));
        config.limits = LIMITS;
        let seed = self.plan.seed ^ process.number ^ process.lives << 32;
        process.fleet = Some(Fleet::new(config, now, wall, seed));
        self.connect(number);
    }

    fn reaches(&self, number: usize) -> bool {
        self.processes[number].cut_until <= self.now_ms
    }

    /// PULL, PUSH, LIVE: the subscription is there before.
    fn connect(&mut self, number: usize) {
        if !self.reaches(number) {
            return;
        }
        let now = self.clock(number);
        let records: Vec<_> = self.living().filter_map(|stored| self.record(&stored, number)).collect();
        let Some(fleet) = self.processes[number].fleet.as_mut() else { return };
        for record in records {
            fleet.load(record, now);
        }
        fleet.remembered();
        let commit = fleet.push(now);
        self.commit(number, commit);
        if let Some(fleet) = self.processes[number].fleet.as_mut() {
            fleet.go_live(now);
        }
    }

    /// `load` is called in every step, before anything is delivered.
    pub fn run(&mut self, span: Duration, mut load: impl FnMut(&mut Self, u64)) {
        let end = self.now_ms + span.as_millis() as u64;
        while self.now_ms < end {
            self.now_ms += STEP_MS;
            self.fail_what_has_to();
            load(self, self.now_ms);
            self.deliver();
            for number in 0..self.processes.len() {
                self.act(number);
            }
        }
    }

    fn fail_what_has_to(&mut self) {
        let now = self.now_ms;
        let due = |fault: &&Fault| (fault.at() / STEP_MS + 1) * STEP_MS == now;
        let faults: Vec<_> = self.plan.faults.iter().filter(due).copied().collect();
        for fault in faults {
            match fault {
                Fault::Cut { node, lasts, .. } => {
                    let (number, clock) = (node as usize, self.clock(node as usize));
                    self.processes[number].cut_until = now + lasts;
                    self.wires.retain(|_, (to, _)| *to != number);
                    if let Some(fleet) = &mut self.processes[number].fleet {
                        fleet.disconnected(clock);
                    }
                }
                Fault::Restart { node, skew, .. } => {
                    self.processes[node as usize].skew = skew;
                    self.die(node as usize);
                    self.processes[node as usize].dead_until = now + STEP_MS;
                }
                Fault::Crash { node, lasts, .. } => {
                    self.die(node as usize);
                    self.processes[node as usize].dead_until = now + lasts;
                }
                Fault::Flush { .. } => self.store.clear(),
            }
        }
        for number in 0..self.processes.len() {
            let process = &self.processes[number];
            if process.fleet.is_none() && process.dead_until <= now {
                self.begin(number);
            } else if process.cut_until > now - STEP_MS && process.cut_until <= now && process.cut_until > 0 {
                self.connect(number);
            }
        }
    }

    fn die(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.fleet = None;
        process.truth.clear();
        self.wires.retain(|_, (to, _)| *to != number);
    }

    fn act(&mut self, number: usize) {
        let now = self.clock(number);
        let mut left = IN_ONE_INSTANT;
        while let Some(action) = self.processes[number].fleet.as_mut().and_then(|fleet| fleet.poll(now)) {
            left -= 1;
            if left == 0 {
                self.restless = Some(format!("node {number} asks again and again, at last for {action:?}"));
                return;
            }
            // A cut is noticed at once: what is asked of the store then fails.
            assert!(self.reaches(number), "{}: a node that is cut off asks for {action:?}", self.plan);
            match action {
                Action::Publish(messages) => {
                    self.publish(messages);
                    self.fleet(number).published(now);
                }
                Action::Commit(commit) => self.commit(number, commit),
                Action::Compare => {
                    let digests: Vec<_> = self.living().filter_map(|one| self.digest(&one, number)).collect();
                    self.fleet(number).compared(&digests, now);
                }
                Action::Pull(nodes) => {
                    for name in nodes {
                        let stored =
                            self.store.get(&name).filter(|stored| stored.ends > self.now_ms).cloned();
                        match stored.and_then(|stored| self.record(&stored, number)) {
                            Some(record) => drop(self.fleet(number).load(record, now)),
                            None => self.fleet(number).absent(&name),
                        }
                    }
                    self.fleet(number).pulled();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn fleet(&mut self, number: usize) -> &mut Fleet {
        self.processes[number].fleet.as_mut().unwrap()
    }

    fn commit(&mut self, number: usize, commit: Commit) {
        let (now, clock) = (self.now_ms, self.clock(number));
        let gone = self.store.get(&commit.node).is_some_and(|stored| stored.ends <= now);
        if commit.replaces || gone {
            self.store.remove(&commit.node);
        }
        let known = self.store.contains_key(&commit.node);
        let header = encode(&commit.header, &[], None).unwrap();
        let fresh = Stored { header: Vec::new(), fields: BTreeMap::new(), ends: now };
        let stored = self.store.entry(commit.node).or_insert(fresh);
        let mut added = usize::from(!known);
        for part in commit.parts {
            let bytes = encode(&part.message.header, &part.message.entries, None).unwrap();
            added += usize::from(stored.fields.insert(part.field, bytes).is_none());
        }
        (stored.header, stored.ends) = (header, now + commit.ttl.as_millis() as u64);
        self.publish(commit.messages);
        self.fleet(number).committed(Committed::Stored { added }, clock);
    }

    fn publish(&mut self, messages: Vec<Message>) {
        for message in messages {
            let bytes = encode(&message.header, &message.entries, None).unwrap();
            self.said = bytes
                .iter()
                .fold(self.said, |said, &byte| (said ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
            self.published += 1;
            for to in 0..self.processes.len() {
                for _ in 0..self.times() {
                    let arrives = self.now_ms + self.latency();
                    self.sent += 1;
                    self.wires.insert((arrives, self.sent), (to, bytes.clone()));
                }
            }
        }
    }

    fn is_storm(&self) -> bool {
        self.now_ms < STORM_MS
    }

    fn times(&mut self) -> usize {
        if !self.is_storm() {
            return 1;
        }
        let lost = self.random.permille(self.plan.loss);
        let twice = self.random.permille(self.plan.twice);
        if lost { 0 } else { 1 + usize::from(twice) }
    }

    fn latency(&mut self) -> u64 {
        let stuck = self.is_storm() && self.random.permille(self.plan.stuck);
        let most = if stuck { 2_000 } else { self.plan.delay };
        self.random.below(most + 1)
    }

    fn deliver(&mut self) {
        while let Some(first) = self.wires.first_entry().filter(|first| first.key().0 <= self.now_ms) {
            let (to, bytes) = first.remove();
            let (now, wall) = (self.clock(to), self.wall(to));
            let decoded = decode(&bytes, &expected(wall)).map(|decoded| decoded.message);
            let is_reachable = self.reaches(to);
            if let Some(fleet) = self.processes[to].fleet.as_mut().filter(|_| is_reachable) {
                fleet.receive(decoded.unwrap(), bytes.len(), now);
            }
        }
    }

    fn living(&self) -> impl Iterator<Item = Stored> + use<> {
        let now = self.now_ms;
        let living: Vec<_> = self.store.values().filter(|stored| stored.ends > now).cloned().collect();
        living.into_iter()
    }

    fn digest(&self, stored: &Stored, reader: usize) -> Option<Digest> {
        let header: Header = decode(&stored.header, &expected(self.wall(reader))).ok()?.message.header;
        Some(Digest { header, ttl: Some(Duration::from_millis(stored.ends - self.now_ms)) })
    }

    fn record(&self, stored: &Stored, reader: usize) -> Option<Record> {
        let Digest { header, ttl } = self.digest(stored, reader)?;
        let wall = self.wall(reader);
        let parts = stored.fields.values().map(|bytes| decode(bytes, &expected(wall)).unwrap().message);
        Some(Record { header, parts: parts.collect(), ttl, complete: true })
    }

    /// Everybody's scars as they are, told to everybody's own machine.
    pub fn tell(&mut self) {
        for number in 0..self.processes.len() {
            let now = self.clock(number);
            let lambda = DecayRate::saturating(self.lambda);
            let process = &mut self.processes[number];
            let Some(fleet) = &mut process.fleet else { continue };
            for (route, &(scar, weight)) in &process.truth {
                let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(scar));
                let vector = vector.with_weight(Weight::from_255ths(weight)).with_decay_rate(lambda);
                fleet.update(route, vector, now);
            }
        }
    }
}

fn expected(wall_ms: u64) -> Expected<'static> {
    Expected { cluster: CLUSTER, shard: 0, key: None, wall_ms }
}
