// SPDX-License-Identifier: Apache-2.0
//! Eviction: what is worth least goes first.

use std::cmp::Ordering;
use std::hash::Hash;

use atrion_core::Mono;

use super::{RegisterSet, Slot};
use crate::NodeId;

impl<K: Eq + Hash + Clone> RegisterSet<K> {
    /// Makes room for `more` registers, within the limit of this node and the limit of all, and
    /// returns how many it evicted. What a reader would miss least goes first: the routes that
    /// `is_local` does not name, because this node does not read them, then the smallest `w S`.
    ///
    /// A sweep costs a look at every register, so it clears a sixty-fourth of the limit at least.
    pub fn make_room(
        &mut self,
        node: &NodeId,
        more: usize,
        is_local: impl Fn(&K) -> bool,
        now: Mono,
    ) -> usize {
        let held = self.nodes.get(node).map_or(0, |node| node.routes.len());
        let mut evicted = 0;
        if held + more > self.limits.routes_per_node {
            let limit = self.limits.routes_per_node;
            evicted += self.evict(Some(node), limit, held, more, &is_local, now);
        }
        if self.registers + more > self.limits.registers {
            let (limit, held) = (self.limits.registers, self.registers);
            evicted += self.evict(None, limit, held, more, &is_local, now);
        }
        evicted
    }

    /// Forgets a node and its incarnation: the next message in its name is believed. Returns
    /// whether the node was known.
    pub fn forget(&mut self, node: &NodeId) -> bool {
        let forgotten = self.nodes.remove(node);
        self.registers -= forgotten.as_ref().map_or(0, |node| node.routes.len());
        forgotten.is_some()
    }

    /// Makes room for another node by forgetting the one that was silent longest, if it is gone.
    /// Says whether there is room now.
    pub fn make_room_for_node(&mut self, now: Mono) -> bool {
        if self.nodes.len() < self.limits.nodes {
            return true;
        }
        let longest = self.nodes.iter().min_by_key(|(_, node)| node.heard);
        let gone = longest.filter(|(_, node)| node.silence(now) >= self.liveness.gone());
        let Some(name) = gone.map(|(name, _)| name.clone()) else { return false };
        self.forget(&name)
    }

    fn evict(
        &mut self,
        of: Option<&NodeId>,
        limit: usize,
        held: usize,
        more: usize,
        is_local: &impl Fn(&K) -> bool,
        now: Mono,
    ) -> usize {
        let surplus = (held + more).saturating_sub(limit).max(limit / 64).min(held);
        let concerned = |name: &NodeId| of.is_none_or(|of| of == name);
        let rank = |route: &K, slot: &Slot| (is_local(route), slot.worth(now));
        let order = |one: &(bool, f64), other: &(bool, f64)| {
            one.0.cmp(&other.0).then_with(|| one.1.total_cmp(&other.1))
        };
        let nodes = self.nodes.iter().filter(|(name, _)| concerned(name));
        // Of half a million registers the ranks alone are eight megabytes.
        let mut ranks: Vec<_> =
            nodes.flat_map(|(_, node)| node.routes.iter().map(|(route, slot)| rank(route, slot))).collect();
        if surplus == 0 || ranks.is_empty() {
            return 0;
        }
        let last = surplus.min(ranks.len()) - 1;
        let (before, &mut limit, _) = ranks.select_nth_unstable_by(last, order);
        let below = before.iter().filter(|rank| order(rank, &limit).is_lt()).count();
        let mut alike = last + 1 - below;
        for (_, node) in self.nodes.iter_mut().filter(|(name, _)| concerned(name)) {
            let held = node.routes.len();
            node.routes.retain(|route, slot| match order(&rank(route, slot), &limit) {
                Ordering::Less => false,
                Ordering::Equal if alike > 0 => {
                    alike -= 1;
                    false
                }
                Ordering::Equal | Ordering::Greater => true,
            });
            self.registers -= held - node.routes.len();
        }
        last + 1
    }
}
