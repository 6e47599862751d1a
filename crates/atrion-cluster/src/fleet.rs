// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The protocol of one node of a fleet, without clock, I/O or randomness of its own.
//!
//! The driver of a [`Fleet`] brings the time, does what [`Fleet::poll`] says, and reports how it
//! ended. So the same machine runs behind Redis and in a virtual network with virtual time.
//!
//! - **It promises** that what it publishes is this node's own state and nothing else; that of what
//!   arrives any subset, repetition and order leads to the same registers; that nothing that
//!   arrives makes it grow beyond its limits.
//! - **It does not know** how state is merged (it has no gamma), what a connection is, or that
//!   there is a Redis.
//!
//! ```text
//! update ──► own routes ──► urgent lane, every pulse:      Publish   what peers predict wrongly
//!                     └───► lazy lane, every heartbeat:    Commit    the rest, changed parts, "I live"
//! receive ─► senders (order, gaps, pace, clock) ─► registers ─► view
//! load ────► the same registers, from the store:           Pull      after a gap; Compare  once a minute
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use atrion_core::{Mono, Peer, SplitMix64, Wall};
use atrion_state::{Liveness, NodeId, PhysicsVector, Register, RegisterSet, RouteId, Weight};

use crate::wire::RouteHash;

mod config;
pub use config::FleetConfig;

mod action;
pub use action::{Action, Commit, Committed, Digest, Part, Received, Record};

mod stats;
pub use stats::FleetStats;

mod notice;
pub use notice::Notice;

mod link;
pub use link::{Link, LinkConfig, Phase, Step};

mod identity;
use identity::Identity;

mod own;
use own::Own;

mod lanes;
use lanes::Lanes;

mod proof;
use proof::Challenges;

mod sender;
use sender::{Bucket, Sender};

mod receive;
mod records;
mod speak;

/// One node of a fleet.
#[derive(Debug, Clone)]
pub struct Fleet {
    config: FleetConfig,
    identity: Identity,
    own: Own,
    peers: RegisterSet<RouteHash>,
    senders: BTreeMap<NodeId, Sender>,
    /// Names of routes that only peers have, as far as they told. Bounded by `NAMES`.
    names: HashMap<RouteHash, RouteId>,
    /// The same, the other way round: a hash costs a SHA-256.
    hashes: HashMap<RouteId, RouteHash>,
    lanes: Lanes,
    challenges: Challenges,
    /// The node's own pace: what its peers would not listen to is not sent.
    pace: Bucket,
    jitter: SplitMix64,
    /// The own record of an earlier life was looked for.
    remembered: bool,
    /// The oldest change that no transaction has taken yet, and the oldest that one is on its way
    /// with.
    unsaved: Option<Mono>,
    saving: Option<Mono>,
    /// What notices have told.
    present: BTreeSet<NodeId>,
    known_as: NodeId,
    stats: FleetStats,
}

/// A node that was silent for this long is forgotten. Its word was nothing long before; its number
/// is kept a while, so that a stray message of an earlier life does not revive that one.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// A fleet that does not sign its messages has no more nodes than this, as far as its heartbeat
/// goes: 316^2 / 50,000 are two seconds.
const UNSIGNED: usize = 316;
/// Names are a comfort for subscribers: without one a register works all the same.
const NAMES: usize = 65_536;

impl Fleet {
    /// A node that has said and heard nothing. `seed` decides its jitter: give every node its own.
    #[must_use]
    pub fn new(config: FleetConfig, now: Mono, wall: Wall, seed: u64) -> Self {
        let mut jitter = SplitMix64::new(seed);
        Self {
            identity: Identity::new(config.node.clone(), now, wall),
            own: Own::default(),
            peers: RegisterSet::new(config.limits, liveness(config.heartbeat)),
            senders: BTreeMap::new(),
            names: HashMap::new(),
            hashes: HashMap::new(),
            lanes: Lanes::new(config.pulse, config.heartbeat, &mut jitter, now),
            challenges: Challenges::default(),
            pace: Bucket::new(now),
            jitter,
            remembered: false,
            unsaved: None,
            saving: None,
            present: BTreeSet::new(),
            known_as: config.node.clone(),
            stats: FleetStats::default(),
            config,
        }
    }

    /// This node's name at present: the configured one, unless another process turned out to have
    /// it.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.identity.node
    }

    /// Which life of the node this is.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.identity.incarnation
    }

    /// Takes a route's state. Nothing is said here: values are read when a lane speaks, so a slow
    /// store makes fewer messages and never a longer queue.
    pub fn update(&mut self, route: &RouteId, vector: PhysicsVector, now: Mono) {
        self.own.put(route, vector, self.config.routes, now);
        self.unsaved.get_or_insert(now);
    }

    /// Forgets a route; peers are told. Says whether it was known.
    pub fn forget(&mut self, route: &RouteId) -> bool {
        self.own.forget(route)
    }

    /// This node's own state of a route, aged.
    #[must_use]
    pub fn own(&self, route: &RouteId, now: Mono) -> Option<PhysicsVector> {
        self.own.get(route, now)
    }

    /// This node's own state of all routes, aged.
    #[must_use]
    pub fn owned(&self, now: Mono) -> Vec<(RouteId, PhysicsVector)> {
        self.own.all(now)
    }

    /// The evidence that was last published with a route.
    #[must_use]
    pub fn said_weight(&self, route: &RouteId) -> Option<Weight> {
        self.own.said_weight(route)
    }

    /// What peers say of a route, aged, sorted by node. A function of what arrived: nothing is
    /// merged.
    #[must_use]
    pub fn view(&self, route: &RouteId, now: Mono) -> Vec<Register> {
        self.peers.live(&self.hash(route), now)
    }

    /// The same as the merge takes it, added to `peers`: nothing is allocated where they have room.
    pub fn peers(&self, route: &RouteId, liveness: &Liveness, peers: &mut Vec<Peer>, now: Mono) {
        peers.extend(self.peers.peers(&self.hash(route), liveness, now));
    }

    fn hash(&self, route: &RouteId) -> RouteHash {
        let known = self.own.hash(route).or_else(|| self.hashes.get(route).copied());
        known.unwrap_or_else(|| RouteHash::of(route))
    }

    /// How far the store lies behind: the age of the oldest change that is not stored. A change
    /// that is too small to be told counts as stored with the next transaction.
    #[must_use]
    pub fn lag(&self, now: Mono) -> Duration {
        let oldest = self.saving.into_iter().chain(self.unsaved).min();
        oldest.map_or(Duration::ZERO, |oldest| now.since(oldest))
    }

    /// How a node's silence weakens its word, at the fleet's present size.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        self.peers.liveness()
    }

    /// How often this node is heard of at least, at the fleet's present size.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        self.lanes.heartbeat()
    }

    /// How many nodes are heard, if that are more than a fleet that does not sign its messages may
    /// have: some of them may be anybody's.
    #[must_use]
    pub fn crowd(&self, now: Mono) -> Option<usize> {
        let (live, fading) = self.peers.population(now);
        let nodes = live + fading + 1;
        (!self.config.signed && nodes > UNSIGNED).then_some(nodes)
    }

    /// Counts and sizes.
    #[must_use]
    pub fn stats(&self, now: Mono) -> FleetStats {
        let (live, fading) = self.peers.population(now);
        let gone = self.peers.liveness().gone();
        let present = |name: &NodeId| self.peers.node(name, now).is_some_and(|(_, silence)| silence < gone);
        let differs = |(name, sender): &(&NodeId, &Sender)| sender.cfg != self.config.cfg && present(name);
        FleetStats {
            conflicts: self.identity.conflicts,
            evicted: self.own.evicted,
            live,
            fading,
            differing: self.senders.iter().filter(differs).count(),
            registers: self.peers.len(),
            routes: self.own.len(),
            ..self.stats
        }
    }

    /// Sets the heartbeat to what a fleet of this size can carry: every node hears every other, so
    /// the store delivers N^2 messages a heartbeat, and 50,000 a second are comfortable. Nodes
    /// without signatures may be anybody, and stretch it to two seconds at most.
    fn adapt_to_size(&mut self, now: Mono) {
        if self.peers.forget_silent(FORGOTTEN, now) > 0 {
            let peers = &self.peers;
            self.senders.retain(|name, _| peers.node(name, now).is_some());
        }
        self.settle(now);
        let (live, fading) = self.peers.population(now);
        let nodes = live + fading + 1;
        let nodes = if self.config.signed { nodes } else { nodes.min(UNSIGNED) } as f64;
        let heartbeat = self.config.heartbeat.max(Duration::from_secs_f64(nodes * nodes / 50_000.0));
        if heartbeat != self.lanes.heartbeat() {
            self.lanes.set_heartbeat(heartbeat);
            self.peers.set_liveness(liveness(heartbeat));
        }
    }
}

fn liveness(heartbeat: Duration) -> Liveness {
    Liveness::new(3 * heartbeat, 10 * heartbeat)
}
