// SPDX-License-Identifier: Apache-2.0
//! The view: `node -> (incarnation, {route -> (version, vector)})`, a join semilattice with bounds.
//!
//! Join: a higher incarnation wins whole; within one, each route keeps its higher version. It is
//! commutative, associative and idempotent, so messages may be lost, doubled and reordered, and
//! nodes that saw the same set of them agree. Only the bounds break this: what does not fit is
//! refused and counted, unless room is made for it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map;
use std::hash::Hash;
use std::time::Duration;

use atrion_core::{Mono, Peer};

use crate::{Liveness, NodeId, Register, RouteId};

mod room;

mod slot;
use slot::{Slot, instant, span};

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
    /// Limits of this many nodes, routes of one node, and registers altogether.
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
/// `K` is how a route is named here: by its name, or by what stands for the name on a wire.
///
/// Times are readings of the one clock of the node that owns the set; sets of different nodes are
/// not compared.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterSet<K: Eq + Hash = RouteId> {
    limits: RegisterSetLimits,
    liveness: Liveness,
    // Sorted, so that every reader sums peers in the same order.
    nodes: BTreeMap<NodeId, Node<K>>,
    registers: usize,
    refused: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Node<K: Eq + Hash> {
    incarnation: u64,
    /// When it was last heard of, in nanoseconds of the local clock; may lie before its origin.
    heard: i64,
    routes: HashMap<K, Slot>,
}

impl<K: Eq + Hash> Default for RegisterSet<K> {
    fn default() -> Self {
        let (limits, liveness) = (RegisterSetLimits::default(), Liveness::default());
        Self { limits, liveness, nodes: BTreeMap::new(), registers: 0, refused: 0 }
    }
}

impl<K: Eq + Hash + Clone> RegisterSet<K> {
    /// An empty set.
    #[must_use]
    pub fn new(limits: RegisterSetLimits, liveness: Liveness) -> Self {
        Self { limits, liveness, ..Self::default() }
    }

    /// Takes a register that arrived at `now`; says whether it was news.
    pub fn accept(&mut self, route: K, register: &Register, now: Mono) -> bool {
        let heard = before(now, register.silence);
        let slot = Slot::new(register.version, &register.vector, now);
        self.hear(&register.node, register.incarnation, heard) && self.put(&register.node, route, slot)
    }

    /// Notes that a node has deleted a route; returns whether that was news. The route is then as
    /// if the node had never known it, and what the node said of it earlier does not come back.
    pub fn delete(&mut self, route: K, node: &NodeId, incarnation: u64, version: u64, now: Mono) -> bool {
        self.heard(node, incarnation, now) && self.put(node, route, Slot::tombstone(version))
    }

    /// Takes a *full* snapshot of a node's registers at this version, of which `holds` says whether
    /// a route is in it: what the node had by then and the snapshot does not hold is gone. Says how
    /// many that were.
    pub fn reconcile(
        &mut self,
        node: &NodeId,
        incarnation: u64,
        version: u64,
        holds: impl Fn(&K) -> bool,
    ) -> usize {
        let Some(node) = self.nodes.get_mut(node).filter(|node| node.incarnation == incarnation) else {
            return 0;
        };
        let before = node.routes.len();
        node.routes.retain(|route, slot| slot.version > version || holds(route));
        let gone = before - node.routes.len();
        self.registers -= gone;
        gone
    }

    /// A node leaves: its weight begins to fade at once. What it knew is kept, its next life may
    /// need it.
    pub fn leaving(&mut self, node: &NodeId, incarnation: u64, now: Mono) {
        let whole = before(now, self.liveness.whole());
        if let Some(node) = self.nodes.get_mut(node).filter(|node| node.incarnation == incarnation) {
            node.heard = node.heard.min(whole);
        }
    }

    /// Notes that a node was heard of at `now` in this incarnation, for heartbeats without
    /// registers. Says whether the incarnation is the current one.
    pub fn heard(&mut self, node: &NodeId, incarnation: u64, now: Mono) -> bool {
        self.heard_before(node, incarnation, Duration::ZERO, now)
    }

    /// The same, of a node that was heard of this long ago: what a store remembers of it.
    pub fn heard_before(&mut self, node: &NodeId, incarnation: u64, silence: Duration, now: Mono) -> bool {
        self.hear(node, incarnation, before(now, silence))
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
    pub fn live(&self, route: &K, now: Mono) -> Vec<Register> {
        let register = |(name, node, slot): (&NodeId, &Node<K>, &Slot)| {
            Register::new(name.clone(), node.incarnation, slot.version, slot.vector(now))
                .with_silence(node.silence(now))
        };
        self.alive(route, now).map(register).collect()
    }

    fn alive<'a>(
        &'a self,
        route: &'a K,
        now: Mono,
    ) -> impl Iterator<Item = (&'a NodeId, &'a Node<K>, &'a Slot)> {
        let heard = self.nodes.iter().filter(move |(_, node)| node.silence(now) < self.liveness.gone());
        heard.filter_map(move |(name, node)| {
            let slot = node.routes.get(route).filter(|slot| !slot.deleted)?;
            Some((name, node, slot))
        })
    }

    /// The same as the merge takes it, faded by this rule: without a list, and without the names.
    pub fn peers<'a>(
        &'a self,
        route: &'a K,
        liveness: &'a Liveness,
        now: Mono,
    ) -> impl Iterator<Item = Peer> + 'a {
        self.alive(route, now).map(move |(_, node, slot)| slot.peer(now, liveness.fade(node.silence(now))))
    }

    /// Every register of a node, aged to `now`, whether the node is heard of or not.
    pub fn of(&self, name: &NodeId, now: Mono) -> impl Iterator<Item = (&K, Register)> {
        self.nodes.get_key_value(name).into_iter().flat_map(move |(name, node)| {
            let silence = node.silence(now);
            let kept = node.routes.iter().filter(|(_, slot)| !slot.deleted);
            kept.map(move |(route, slot)| {
                let vector = slot.vector(now);
                let register = Register::new(name.clone(), node.incarnation, slot.version, vector);
                (route, register.with_silence(silence))
            })
        })
    }

    /// Whether a register of this node and route is held.
    #[must_use]
    pub fn holds(&self, node: &NodeId, route: &K) -> bool {
        self.nodes.get(node).is_some_and(|node| node.routes.contains_key(route))
    }

    /// Forgets nodes that were silent for `after` or longer; says how many. A node's weight is
    /// nothing long before (see [`Liveness`]); forgetting late keeps a stray old message from
    /// reviving an earlier incarnation.
    pub fn forget_silent(&mut self, after: Duration, now: Mono) -> usize {
        let before = self.nodes.len();
        self.nodes.retain(|_, node| node.silence(now) < after);
        self.registers = self.nodes.values().map(|node| node.routes.len()).sum();
        before - self.nodes.len()
    }

    /// The rule by which silent nodes fade.
    #[must_use]
    pub const fn liveness(&self) -> Liveness {
        self.liveness
    }

    /// Replaces that rule, for fleets whose size sets how often a node is heard of.
    pub fn set_liveness(&mut self, liveness: Liveness) {
        self.liveness = liveness;
    }

    /// The nodes that are known, with their incarnations.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeId, u64)> {
        self.nodes.iter().map(|(name, node)| (name, node.incarnation))
    }

    /// The incarnation of a node, and for how long it has not been heard of.
    #[must_use]
    pub fn node(&self, name: &NodeId, now: Mono) -> Option<(u64, Duration)> {
        self.nodes.get(name).map(|node| (node.incarnation, node.silence(now)))
    }

    /// How many nodes are heard of, and how many are fading and not yet gone.
    #[must_use]
    pub fn population(&self, now: Mono) -> (usize, usize) {
        let silences = self.nodes.values().map(|node| node.silence(now));
        let present = silences.filter(|silence| *silence < self.liveness.gone());
        present.fold((0, 0), |(live, fading), silence| {
            if silence <= self.liveness.whole() { (live + 1, fading) } else { (live, fading + 1) }
        })
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

    /// Finds or makes the node at this incarnation; false if the incarnation is past or the node
    /// does not fit.
    fn hear(&mut self, name: &NodeId, incarnation: u64, at: i64) -> bool {
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
    fn put(&mut self, name: &NodeId, route: K, slot: Slot) -> bool {
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

impl<K: Eq + Hash> Node<K> {
    /// For how long it has not been heard of.
    fn silence(&self, now: Mono) -> Duration {
        Duration::from_nanos(instant(now).saturating_sub(self.heard).max(0).unsigned_abs())
    }
}

/// The instant that lies this long before `now`.
fn before(now: Mono, silence: Duration) -> i64 {
    instant(now).saturating_sub(span(silence))
}
