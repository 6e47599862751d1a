// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The node's own routes: what it has, what it has said of them, and what is worth saying.
//!
//! Peers know how scars fade, so a route is spoken of only when what they predict is wrong (dead
//! reckoning). What was said is kept beside what is: one version of a route has one value, on the
//! channel and in every stored part, or two nodes that heard different copies would never agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mono, Ohms};
use atrion_state::{DecayRate, MomentumRate, News, PhysicsVector, RouteId, Told, Weight};

use crate::wire::{Entry, EntryMode, RouteHash, most_behind};

mod parts;
pub(super) use parts::{Group, Parts};

/// One own route.
#[derive(Debug, Clone)]
pub(super) struct OwnRoute {
    pub(super) name: RouteId,
    vector: PhysicsVector,
    at: Mono,
    said: Option<Said>,
    /// It was said in the urgent lane, or may not have arrived: the lazy lane says it once more.
    again: bool,
    named: bool,
}

/// What was last said of a route.
#[derive(Debug, Clone, Copy)]
struct Said {
    told: Told,
    version: u64,
}

/// The own routes, in the order of their hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    routes: BTreeMap<RouteHash, OwnRoute>,
    hashes: HashMap<RouteId, RouteHash>,
    /// Routes that changed since the urgent lane looked.
    touched: BTreeSet<RouteHash>,
    /// Routes that were forgotten, and how often that is still to be said.
    forgotten: BTreeMap<RouteHash, u8>,
    pub(super) parts: Parts,
    pub(super) evicted: u64,
}

/// Told as it is now, rather than as it was: older ages are near the longest that the wire takes.
const OLD: Duration = Duration::from_secs(1_800);
/// The most that an entry takes without its name, in bytes.
const ENTRY: usize = 9 + 5 + 5 + 8 + 1 + 1 + 4 + 4 + 1;
/// A message may be lost: what is said once only is said twice.
const TWICE: u8 = 2;

impl Own {
    pub(super) fn get(&self, route: &RouteId, now: Mono) -> Option<PhysicsVector> {
        let own = self.routes.get(self.hashes.get(route)?)?;
        Some(own.aged(now))
    }

    pub(super) fn said_weight(&self, route: &RouteId) -> Option<Weight> {
        let own = self.routes.get(self.hashes.get(route)?)?;
        own.said.map(|said| said.told.vector.weight)
    }

    pub(super) fn all(&self, now: Mono) -> Vec<(RouteId, PhysicsVector)> {
        self.routes.values().map(|own| (own.name.clone(), own.aged(now))).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    pub(super) fn holds(&self, hash: RouteHash) -> bool {
        self.routes.contains_key(&hash)
    }

    pub(super) fn name(&self, hash: RouteHash) -> Option<&RouteId> {
        self.routes.get(&hash).map(|own| &own.name)
    }

    pub(super) fn hash(&self, route: &RouteId) -> Option<RouteHash> {
        self.hashes.get(route).copied()
    }

    /// The slowest rate at which any own scar fades.
    pub(super) fn slowest_decay(&self) -> Option<f64> {
        self.routes
            .values()
            .map(|own| own.vector.decay_rate.get())
            .filter(|rate| *rate > 0.0)
            .min_by(f64::total_cmp)
    }

    pub(super) fn put(&mut self, route: &RouteId, vector: PhysicsVector, capacity: usize, now: Mono) {
        let hash = self.hash(route).unwrap_or_else(|| RouteHash::of(route));
        if let Some(own) = self.routes.get_mut(&hash) {
            // The stored part that said the old rate has to be written without it.
            if own.vector.decay_rate != vector.decay_rate {
                self.parts.touch(Group::of(hash, own.vector.decay_rate));
            }
            (own.vector, own.at) = (vector, now);
        } else {
            if self.routes.len() >= capacity {
                self.evict(capacity, now);
            }
            let name = route.clone();
            self.hashes.insert(name.clone(), hash);
            self.forgotten.remove(&hash);
            self.routes
                .insert(hash, OwnRoute { name, vector, at: now, said: None, again: false, named: false });
            self.parts.grow(self.routes.len());
        }
        self.touched.insert(hash);
    }

    pub(super) fn forget(&mut self, route: &RouteId) -> bool {
        self.hash(route).is_some_and(|hash| self.remove(hash))
    }

    fn remove(&mut self, hash: RouteHash) -> bool {
        let Some(own) = self.routes.remove(&hash) else { return false };
        self.hashes.remove(&own.name);
        self.touched.remove(&hash);
        if let Some(said) = own.said {
            self.forgotten.insert(hash, TWICE);
            self.parts.touch(Group::of(hash, said.told.vector.decay_rate));
        }
        true
    }

    /// Neutral routes first, then the smallest scars; a sixty-fourth at a time, because it looks at
    /// every route.
    fn evict(&mut self, capacity: usize, now: Mono) {
        let mut ranked: Vec<(bool, f64, RouteHash)> = self
            .routes
            .iter()
            .map(|(hash, own)| (own.aged(now), *hash))
            .map(|(vector, hash)| (!vector.is_neutral(), vector.aged_scar().get(), hash))
            .collect();
        ranked.sort_unstable_by(|one, other| {
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)).then(one.2.cmp(&other.2))
        });
        let surplus = (self.routes.len() + 1).saturating_sub(capacity).max(capacity / 64);
        for (_, _, hash) in ranked.into_iter().take(surplus) {
            self.remove(hash);
            self.evicted += 1;
        }
    }

    /// Routes of which peers expect something else than what is, for the urgent lane.
    pub(super) fn urgent(&mut self, now: Mono) -> Vec<RouteHash> {
        let touched = std::mem::take(&mut self.touched);
        let routes = touched.into_iter().filter_map(|hash| Some((hash, self.routes.get(&hash)?)));
        routes.filter(|(_, own)| own.news(now) == News::Urgent).map(|(hash, _)| hash).collect()
    }

    /// The urgent lane has to come back to these.
    pub(super) fn postpone(&mut self, routes: &[RouteHash]) {
        self.touched.extend(routes);
    }

    /// Whether the urgent lane has anything to look at.
    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Routes that the lazy lane has to speak of.
    pub(super) fn lazy(&self, now: Mono) -> Vec<RouteHash> {
        let due = self.routes.iter().filter(|(_, own)| own.again || own.news(now) >= News::Regular);
        due.map(|(hash, _)| *hash).collect()
    }

    /// Routes whose last word differs from what is, however little: for a goodbye.
    pub(super) fn unsaid(&self) -> Vec<RouteHash> {
        let differs =
            |own: &OwnRoute| own.again || own.said.is_none_or(|said| said.told.aged(own.at) != own.vector);
        self.routes.iter().filter(|(_, own)| differs(own)).map(|(hash, _)| *hash).collect()
    }

    /// Routes that were forgotten and are still to be told so; counts as telling.
    pub(super) fn tell_forgotten(&mut self) -> Vec<Entry> {
        let entries = self.forgotten.keys().map(|hash| gone(*hash)).collect();
        self.forgotten.retain(|_, left| {
            *left -= 1;
            *left > 0
        });
        entries
    }

    /// Says a route as it is now, in the message of this number.
    pub(super) fn say(&mut self, hash: RouteHash, version: u64, urgent: bool, now: Mono) -> Option<Entry> {
        let own = self.routes.get_mut(&hash)?;
        let vector = own.aged(now);
        if let Some(said) = own.said.filter(|said| said.told.vector.decay_rate != vector.decay_rate) {
            self.parts.touch(Group::of(hash, said.told.vector.decay_rate));
        }
        self.parts.touch(Group::of(hash, vector.decay_rate));
        own.said = Some(Said { told: Told { vector, at: now }, version });
        own.again = urgent;
        let name = (!std::mem::replace(&mut own.named, true)).then(|| own.name.clone());
        Some(entry(hash, &vector, 0, name))
    }

    /// The rate under which a route is to be said, and at most how many bytes that takes.
    pub(super) fn cost(&self, hash: RouteHash) -> Option<(DecayRate, usize)> {
        let own = self.routes.get(&hash)?;
        let name = if own.named { 0 } else { own.name.as_str().len() + 3 };
        let behind = most_behind(&own.vector.load, &own.vector.tenants);
        Some((own.vector.decay_rate, ENTRY + name + behind))
    }

    /// What was said of the routes of a part, up to message `seq`.
    pub(super) fn part(&self, group: Group, seq: u64, now: Mono) -> Vec<Entry> {
        let (mask, rate) = (self.parts.mask(), group.rate());
        let said = self.routes.iter().filter_map(|(hash, own)| Some((*hash, own, own.said?)));
        said.filter(|(hash, _, said)| {
            hash.get() & mask == group.low(mask)
                && said.told.vector.decay_rate.get().to_bits() == rate.get().to_bits()
        })
        .map(|(hash, own, said)| {
            let back = u32::try_from(seq.saturating_sub(said.version)).unwrap_or(u32::MAX);
            entry(hash, &said.told.aged(now), back, Some(own.name.clone()))
        })
        .collect()
    }

    /// What was said since `since` may not have arrived.
    pub(super) fn doubt(&mut self, since: Mono) {
        for own in self.routes.values_mut() {
            own.again |= own.said.is_some_and(|said| said.told.at >= since);
        }
    }

    /// A new life: nothing has been said in it.
    pub(super) fn reborn(&mut self) {
        for (hash, own) in &mut self.routes {
            (own.said, own.again, own.named) = (None, false, false);
            self.touched.insert(*hash);
        }
        self.forgotten.clear();
        self.parts.renew();
    }
}

impl OwnRoute {
    fn aged(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.at))
    }

    /// What peers miss of it that is not said.
    fn news(&self, now: Mono) -> News {
        let is = self.aged(now);
        self.said.map_or_else(|| News::first(&is), |said| said.told.news(&is, now))
    }
}

fn entry(hash: RouteHash, vector: &PhysicsVector, back: u32, name: Option<RouteId>) -> Entry {
    let mut vector = *vector;
    if vector.age > OLD {
        (vector.scar_tissue, vector.age) = (vector.aged_scar(), Duration::ZERO);
    }
    Entry {
        route: hash,
        back,
        age_ms: u32::try_from(vector.age.as_millis()).unwrap_or(u32::MAX),
        scar: vector.scar_tissue,
        weight: vector.weight,
        mode: EntryMode::Live(vector.mode),
        resistance: vector.resistance,
        momentum: vector.momentum,
        name,
        load: vector.load,
        tenants: vector.tenants,
    }
}

fn gone(hash: RouteHash) -> Entry {
    Entry {
        route: hash,
        back: 0,
        age_ms: 0,
        scar: Ohms::ZERO,
        weight: Weight::NONE,
        mode: EntryMode::Deleted,
        resistance: Ohms::ZERO,
        momentum: MomentumRate::ZERO,
        name: None,
        load: Load::NONE,
        tenants: Heaviest::NONE,
    }
}
