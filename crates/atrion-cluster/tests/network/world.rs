// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Nodes, a store, and the wires between them, in virtual time. Every message and record is bytes
//! on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use atrion_cluster::fleet::{Action, Commit, Committed, Fleet, FleetConfig, Received, Record};
use atrion_cluster::wire::{Entry, EntryMode, Header, Kind, Message, RouteHash, decode, encode};
use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Mono, Ohms, SplitMix64, Wall};
use atrion_state::{
    Change, DecayRate, MomentumRate, NodeId, PhysicsVector, RegisterSetLimits, RouteId, Weight,
};

use super::plan::{Fault, Plan, STORM_MS};
use super::store::{CLUSTER, Store, expected};

const WALL_MS: u64 = 1_767_960_000_000;
const STEP_MS: u64 = 20;

/// One process, with clocks of its own.
#[derive(Debug)]
pub struct Process {
    pub fleet: Option<Fleet>,
    /// The number in the name that it was given.
    pub number: usize,
    /// What its monotonic clock showed at the beginning of the world, in nanoseconds, and how far
    /// it drifts, in millionths.
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

#[derive(Debug)]
pub struct World {
    pub plan: Plan,
    now_ms: u64,
    pub processes: Vec<Process>,
    pub lambda: f64,
    limits: RegisterSetLimits,
    pub store: Store,
    /// Messages arrive at the instant in which they are published.
    at_once: bool,
    /// Its nodes believe that messages are signed.
    signed: bool,
    /// Arrival, receiver, bytes; sorted by arrival, and by number where that is the same.
    wires: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    sent: u64,
    random: SplitMix64,
    /// What a test does to a message on its way to a process: how often it arrives. The second
    /// number counts them.
    pub arrives: fn(usize, u64) -> usize,
    ways: u64,
    /// Processes whose words vanish on the way to the store. Neither side is told.
    pub mute: BTreeSet<usize>,
    /// Everything that was published, to the byte.
    pub log: Vec<Vec<u8>>,
    /// The changes that each process heard.
    pub changes: BTreeMap<usize, Vec<Change>>,
    /// Which node asked for more than can be done in an instant, and what for.
    pub restless: Option<String>,
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

/// A message that no node of the world has made, with a scar of a route or with nothing. The time
/// that it was sent at follows from its number.
pub fn forged(node: NodeId, incarnation: u64, seq: u64, scar: Option<(RouteId, f64)>) -> Message {
    let header = Header {
        cluster: CLUSTER,
        node,
        incarnation,
        seq,
        sent_ms: 1_000 * seq,
        lambda: DecayRate::ZERO,
        ttl_ms: 60_000,
        cfg: 0,
        kind: Kind::Delta,
        shard: 0,
        part: 0,
        parts: 1,
        proof: None,
    };
    let entry = |(name, scar)| Entry {
        route: RouteHash::of(&name),
        back: 0,
        age_ms: 0,
        scar: Ohms::saturating(scar),
        weight: Weight::FULL,
        mode: EntryMode::Live(Mode::Operational),
        resistance: Ohms::ZERO,
        momentum: MomentumRate::ZERO,
        name: Some(name),
        load: Load::NONE,
        tenants: Heaviest::NONE,
    };
    Message { header, entries: scar.map(entry).into_iter().collect() }
}

/// Far above what a planned world needs, and low enough to show a node that grows.
pub const LIMITS: RegisterSetLimits = RegisterSetLimits::new(16, 64, 256);

/// A node that is alive and well has done what it has to do after a few actions.
const IN_ONE_INSTANT: u32 = 100;

impl World {
    /// Nodes whose clocks agree, over wires that do nothing wrong and take no time.
    pub fn calm(nodes: usize) -> Self {
        Self::at_once(nodes, false)
    }

    /// The same, of a fleet that signs what it says.
    pub fn signed(nodes: usize) -> Self {
        Self::at_once(nodes, true)
    }

    fn at_once(nodes: usize, signed: bool) -> Self {
        let mut world =
            Self { at_once: true, signed, ..Self::empty(Plan::default(), RegisterSetLimits::default()) };
        for number in 0..nodes {
            let index = world.add(number);
            world.start(index, 1_000_000);
        }
        world
    }

    /// Nodes to which happens what the plan says.
    pub fn planned(plan: Plan, nodes: usize, lambda: f64) -> Self {
        let mut world = Self { lambda, ..Self::empty(plan, LIMITS) };
        for number in 0..nodes {
            let index = world.add(number);
            let (random, most) = (&mut world.random, world.plan.drift);
            let offset = random.below(10_000_000_000);
            let drift = random.below(2 * most + 1) as i64 - most as i64;
            let process = &mut world.processes[index];
            (process.offset, process.drift) = (offset, drift);
        }
        (0..nodes).for_each(|index| world.begin(index));
        world
    }

    fn empty(plan: Plan, limits: RegisterSetLimits) -> Self {
        Self {
            random: SplitMix64::new(plan.seed ^ 0x5eed),
            plan,
            now_ms: 0,
            processes: Vec::new(),
            lambda: 0.1,
            limits,
            store: Store::default(),
            at_once: false,
            signed: false,
            wires: BTreeMap::new(),
            sent: 0,
            arrives: |_, _| 1,
            ways: 0,
            mute: BTreeSet::new(),
            log: Vec::new(),
            changes: BTreeMap::new(),
            restless: None,
        }
    }

    /// A process that was given this name and has not begun. Gives its index.
    pub fn add(&mut self, number: usize) -> usize {
        self.processes.push(Process {
            fleet: None,
            number,
            offset: 1_000_000_000,
            drift: 0,
            cut_until: 0,
            dead_until: u64::MAX,
            lives: 0,
            skew: 0,
            truth: BTreeMap::new(),
        });
        self.processes.len() - 1
    }

    /// What the clocks of a calm world show.
    pub fn now(&self) -> Mono {
        self.clock(0)
    }

    /// A process's own monotonic clock.
    pub fn clock(&self, index: usize) -> Mono {
        let process = &self.processes[index];
        let elapsed = self.now_ms as i64 * 1_000_000;
        let drifted = elapsed + elapsed / 1_000_000 * process.drift;
        Mono::from_nanos(process.offset + drifted as u64)
    }

    fn wall(&self, index: usize) -> u64 {
        (WALL_MS + self.now_ms).saturating_add_signed(self.processes[index].skew * 1_000)
    }

    pub fn node(&mut self, index: usize) -> &mut Fleet {
        self.processes[index].fleet.as_mut().unwrap()
    }

    /// The record of a process as another one reads it now.
    pub fn record(&self, index: usize) -> Record {
        let name = node(self.processes[index].number);
        self.store.record(&name, self.wall(index), self.now_ms).unwrap()
    }

    /// A process begins a life at this wall clock, with what the store knows of its last one.
    pub fn start(&mut self, index: usize, wall: u64) {
        let now = self.clock(index);
        let process = &mut self.processes[index];
        process.lives += 1;
        let mut config = FleetConfig::new(CLUSTER, node(process.number));
        config.limits = self.limits;
        config.signed = self.signed;
        let seed = self.plan.seed ^ index as u64 ^ process.lives << 32;
        process.fleet = Some(Fleet::new(config, now, Wall::from_millis(wall), seed));
        self.connect(index);
    }

    fn begin(&mut self, index: usize) {
        self.start(index, self.wall(index));
    }

    /// A process dies without a word.
    pub fn die(&mut self, index: usize) {
        let process = &mut self.processes[index];
        process.fleet = None;
        process.truth.clear();
        self.wires.retain(|_, (to, _)| *to != index);
    }

    /// A process says goodbye and ends.
    pub fn leave(&mut self, index: usize) {
        let now = self.clock(index);
        let commit = self.node(index).leave(now);
        self.commit(index, commit);
        self.die(index);
    }

    /// A process cannot reach the store until it is [healed](Self::heal).
    pub fn cut(&mut self, index: usize) {
        self.cut_until(index, u64::MAX);
    }

    pub fn heal(&mut self, index: usize) {
        self.processes[index].cut_until = 0;
        self.connect(index);
    }

    fn cut_until(&mut self, index: usize, until: u64) {
        let clock = self.clock(index);
        self.processes[index].cut_until = until;
        self.wires.retain(|_, (to, _)| *to != index);
        if let Some(fleet) = &mut self.processes[index].fleet {
            fleet.disconnected(clock);
        }
    }

    fn reaches(&self, index: usize) -> bool {
        self.processes[index].cut_until <= self.now_ms
    }

    /// PULL, PUSH, LIVE: the subscription is there before.
    fn connect(&mut self, index: usize) {
        if !self.reaches(index) {
            return;
        }
        let now = self.clock(index);
        let records = self.store.records(self.wall(index), self.now_ms);
        let Some(fleet) = self.processes[index].fleet.as_mut() else { return };
        let changes = records.into_iter().flat_map(|record| fleet.load(record, now));
        self.changes.entry(index).or_default().extend(changes);
        fleet.remembered();
        let commit = fleet.push(now);
        self.commit(index, commit);
        self.node(index).go_live(now);
    }

    pub fn run(&mut self, span: Duration) {
        self.run_under(span, |_, _| {});
    }

    /// `load` is called in every step, before anything is delivered.
    pub fn run_under(&mut self, span: Duration, mut load: impl FnMut(&mut Self, u64)) {
        let end = self.now_ms + span.as_millis() as u64;
        while self.now_ms < end {
            self.now_ms += STEP_MS;
            self.fail_what_has_to();
            load(self, self.now_ms);
            self.deliver();
            for index in 0..self.processes.len() {
                self.act(index);
            }
        }
    }

    fn fail_what_has_to(&mut self) {
        let now = self.now_ms;
        let due = |fault: &&Fault| (fault.at() / STEP_MS + 1) * STEP_MS == now;
        let faults: Vec<_> = self.plan.faults.iter().filter(due).copied().collect();
        for fault in faults {
            match fault {
                Fault::Cut { node, lasts, .. } => self.cut_until(node as usize, now + lasts),
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
        for index in 0..self.processes.len() {
            let process = &self.processes[index];
            if process.fleet.is_none() && process.dead_until <= now {
                self.begin(index);
            } else if process.cut_until > now - STEP_MS && process.cut_until <= now && process.cut_until > 0 {
                self.connect(index);
            }
        }
    }

    fn act(&mut self, index: usize) {
        let (now, wall) = (self.clock(index), self.wall(index));
        let mut left = IN_ONE_INSTANT;
        while let Some(action) = self.processes[index].fleet.as_mut().and_then(|fleet| fleet.poll(now)) {
            left -= 1;
            if left == 0 {
                self.restless = Some(format!("node {index} asks again and again, at last for {action:?}"));
                return;
            }
            // A cut is noticed at once: what is asked of the store then fails.
            assert!(self.reaches(index), "{}: a node that is cut off asks for {action:?}", self.plan);
            match action {
                Action::Publish(_) | Action::Commit(_) if self.mute.contains(&index) => {}
                Action::Publish(messages) => {
                    self.publish(messages);
                    self.node(index).published(now);
                }
                Action::Commit(commit) => self.commit(index, commit),
                Action::Compare => {
                    let digests = self.store.digests(wall, self.now_ms);
                    self.node(index).compared(&digests, now);
                }
                Action::Pull(nodes) => {
                    for name in nodes {
                        match self.store.record(&name, wall, self.now_ms) {
                            Some(record) => drop(self.node(index).load(record, now)),
                            None => self.node(index).absent(&name),
                        }
                    }
                    self.node(index).pulled();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn commit(&mut self, index: usize, commit: Commit) {
        let added = self.store.write(&commit, self.now_ms);
        self.publish(commit.messages);
        let now = self.clock(index);
        self.node(index).committed(Committed::Stored { added }, now);
    }

    fn publish(&mut self, messages: Vec<Message>) {
        for message in messages {
            let bytes = encode(&message.header, &message.entries, None).unwrap();
            for to in 0..self.processes.len() {
                for _ in 0..self.times(to) {
                    if self.at_once {
                        self.receive(to, &bytes);
                        continue;
                    }
                    let arrives = self.now_ms + self.latency();
                    self.sent += 1;
                    self.wires.insert((arrives, self.sent), (to, bytes.clone()));
                }
            }
            self.log.push(bytes);
        }
    }

    fn is_storm(&self) -> bool {
        self.now_ms < STORM_MS
    }

    fn times(&mut self, to: usize) -> usize {
        self.ways += 1;
        let wanted = (self.arrives)(to, self.ways);
        if self.at_once || !self.is_storm() {
            return wanted;
        }
        let lost = self.random.below(1_000) < self.plan.loss;
        let twice = self.random.below(1_000) < self.plan.twice;
        if lost { 0 } else { wanted + usize::from(twice) }
    }

    fn latency(&mut self) -> u64 {
        let stuck = self.is_storm() && self.random.below(1_000) < self.plan.stuck;
        let most = if stuck { 2_000 } else { self.plan.delay };
        self.random.below(most + 1)
    }

    fn deliver(&mut self) {
        while let Some(first) = self.wires.first_entry().filter(|first| first.key().0 <= self.now_ms) {
            let (to, bytes) = first.remove();
            self.receive(to, &bytes);
        }
    }

    fn receive(&mut self, to: usize, bytes: &[u8]) {
        let (now, wall) = (self.clock(to), self.wall(to));
        let message = decode(bytes, &expected(wall)).unwrap().message;
        let is_reachable = self.reaches(to);
        let Some(fleet) = self.processes[to].fleet.as_mut().filter(|_| is_reachable) else { return };
        if let Received::Taken(changes) = fleet.receive(message, bytes.len(), now) {
            self.changes.entry(to).or_default().extend(changes);
        }
    }

    /// Hands every node's machine the node's scars as they are.
    pub fn tell(&mut self) {
        for index in 0..self.processes.len() {
            let now = self.clock(index);
            let lambda = DecayRate::saturating(self.lambda);
            let process = &mut self.processes[index];
            let Some(fleet) = &mut process.fleet else { continue };
            for (route, &(scar, weight)) in &process.truth {
                let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(scar));
                let vector = vector.with_weight(Weight::from_255ths(weight)).with_decay_rate(lambda);
                fleet.update(route, vector, now);
            }
        }
    }
}
