// SPDX-License-Identifier: Apache-2.0
//! The view: `node -> (incarnation, {route -> (version, vector)})`, a join semilattice with bounds.
//!
//! Join: a higher incarnation wins whole; within one, each route keeps its higher version. It is commutative,
//! associative and idempotent, so messages may be lost, doubled and reordered, and nodes that saw the same set of
//! them agree. Only the bounds break this: what does not fit is refused and counted.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map;
use std::time::Duration;

use atrion_core::Mono;

use crate::{Liveness, NodeId, PhysicsVector, Register, RouteId};

/// How much a [`RegisterSet`] may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisterSetLimits {
    /// Nodes, 1,024 by default.
    pub nodes: usize,
    /// Routes of one node, 4,096 by default.
    pub routes_per_node: usize,
    /// Registers of all nodes, 500,000 by default.
    pub registers: usize,
}

impl RegisterSetLimits {
    /// Limits of so many nodes, routes of one node, and registers altogether.
    #[must_use]
    pub const fn new(nodes: usize, routes_per_node: usize, registers: usize) -> Self {
        Self { nodes, routes_per_node, registers }
    }
}

impl Default for RegisterSetLimits {
    fn default() -> Self {
        Self::new(1_024, 4_096, 500_000)
    }
}

/// What is known of other nodes' registers.
///
/// Times are readings of the one clock of the node that owns the set; sets of different nodes are not compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RegisterSet {
    limits: RegisterSetLimits,
    liveness: Liveness,
    // Sorted, so that every reader sums peers in the same order.
    nodes: BTreeMap<NodeId, Node>,
    registers: usize,
    refused: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    incarnation: u64,
    heard: Mono,
    routes: HashMap<RouteId, Slot>,
}

#[derive(Debug, Clone, PartialEq)]
struct Slot {
    version: u64,
    // Its `age` is unused: `valid_at` says the same as an instant.
    vector: PhysicsVector,
    /// When the vector was valid, in nanoseconds of the local clock; may lie before its origin.
    valid_at: i128,
}

impl RegisterSet {
    /// An empty set.
    #[must_use]
    pub fn new(limits: RegisterSetLimits, liveness: Liveness) -> Self {
        Self { limits, liveness, ..Self::default() }
    }

    /// Takes a register that arrived at `now`; says whether it was news.
    pub fn accept(&mut self, route: RouteId, register: &Register, now: Mono) -> bool {
        let heard = Mono::from_nanos(now.as_nanos().saturating_sub(nanos(register.silence)));
        let age = i128::try_from(register.vector.age.as_nanos()).unwrap_or(i128::MAX);
        let slot = Slot {
            version: register.version,
            vector: register.vector.with_age(Duration::ZERO),
            valid_at: i128::from(now.as_nanos()).saturating_sub(age),
        };
        if !self.hear(&register.node, register.incarnation, heard) {
            return false;
        }
        self.put(&register.node, route, slot)
    }

    /// Notes that a node was heard of at `now` in this incarnation, for heartbeats without registers. Says whether
    /// the incarnation is the current one.
    pub fn heard(&mut self, node: &NodeId, incarnation: u64, now: Mono) -> bool {
        self.hear(node, incarnation, now)
    }

    /// Joins another set of the same node into this one.
    pub fn join(&mut self, other: &Self) {
        for (name, node) in &other.nodes {
            if !self.hear(name, node.incarnation, node.heard) {
                continue;
            }
            for (route, slot) in &node.routes {
                self.put(name, route.clone(), slot.clone());
            }
        }
    }

    /// The registers of a route at nodes that still count, aged to `now`, sorted by node.
    #[must_use]
    pub fn live(&self, route: &RouteId, now: Mono) -> Vec<Register> {
        let mut registers = Vec::new();
        for (name, node) in &self.nodes {
            let silence = now.since(node.heard);
            if silence >= self.liveness.gone() {
                continue;
            }
            if let Some(slot) = node.routes.get(route) {
                registers.push(Register {
                    node: name.clone(),
                    incarnation: node.incarnation,
                    version: slot.version,
                    vector: slot.vector.with_age(slot.age(now)),
                    silence,
                });
            }
        }
        registers
    }

    /// Forgets nodes that were silent for `after` or longer; says how many. A node's word is nothing long before
    /// (see [`Liveness`]); forgetting late keeps a stray old message from reviving an earlier incarnation.
    pub fn forget_silent(&mut self, after: Duration, now: Mono) -> usize {
        let before = self.nodes.len();
        self.nodes.retain(|_, node| now.since(node.heard) < after);
        self.registers = self.nodes.values().map(|node| node.routes.len()).sum();
        before - self.nodes.len()
    }

    /// The rule by which silent nodes fade.
    #[must_use]
    pub const fn liveness(&self) -> Liveness {
        self.liveness
    }

    /// The nodes that are known, with their incarnations.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeId, u64)> {
        self.nodes.iter().map(|(name, node)| (name, node.incarnation))
    }

    /// How many registers are held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.registers
    }

    /// Whether no register is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.registers == 0
    }

    /// How many nodes and registers were refused because they did not fit.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Finds or makes the node at this incarnation; false if the incarnation is past or the node does not fit.
    fn hear(&mut self, name: &NodeId, incarnation: u64, at: Mono) -> bool {
        let known = self.nodes.len();
        match self.nodes.entry(name.clone()) {
            btree_map::Entry::Vacant(vacant) => {
                if known >= self.limits.nodes {
                    self.refused = self.refused.saturating_add(1);
                    return false;
                }
                vacant.insert(Node { incarnation, heard: at, routes: HashMap::new() });
                true
            }
            btree_map::Entry::Occupied(mut node) => {
                let node = node.get_mut();
                match incarnation.cmp(&node.incarnation) {
                    Ordering::Less => false,
                    Ordering::Equal => {
                        node.heard = node.heard.max(at);
                        true
                    }
                    // A new life replaces the old one whole: what it does not mention is gone.
                    Ordering::Greater => {
                        self.registers -= node.routes.len();
                        *node = Node { incarnation, heard: at, routes: HashMap::new() };
                        true
                    }
                }
            }
        }
    }

    /// Puts a slot under a node that `hear` has just confirmed.
    fn put(&mut self, name: &NodeId, route: RouteId, slot: Slot) -> bool {
        let full = self.registers >= self.limits.registers;
        let Some(node) = self.nodes.get_mut(name) else { return false };
        if let Some(known) = node.routes.get_mut(&route) {
            let news = slot.version > known.version;
            if slot.rank() > known.rank() {
                *known = slot;
            }
            return news;
        }
        if full || node.routes.len() >= self.limits.routes_per_node {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        node.routes.insert(route, slot);
        self.registers += 1;
        true
    }
}

impl Slot {
    /// A total order, so that the join is one maximum. Versions decide. A single writer gives one version one value,
    /// but its copies come with different guesses of their age: the *older* guess wins, or a message that
    /// circles would keep a scar young for ever. The rest only settles ties between registers that break the rule.
    fn rank(&self) -> impl Ord + use<> {
        let vector = &self.vector;
        (
            self.version,
            std::cmp::Reverse(self.valid_at),
            vector.scar_tissue.get().to_bits(),
            vector.mode as u8,
            vector.weight,
            (vector.decay_rate.get().to_bits(), vector.resistance.get().to_bits()),
            (vector.momentum.get().to_bits(), vector.timestamp),
        )
    }

    fn age(&self, now: Mono) -> Duration {
        let nanos = i128::from(now.as_nanos()).saturating_sub(self.valid_at).max(0);
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        Duration::new(seconds, (nanos % 1_000_000_000) as u32)
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
