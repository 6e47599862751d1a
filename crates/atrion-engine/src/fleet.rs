// SPDX-License-Identifier: Apache-2.0
//! What the peers of this node say, as far as it concerns a local route: who is to be listened to, and how far that
//! moves the gate.
//!
//! - **It promises** that the fleet moves the resistance of a gate and nothing else: no mode, no breaker, no scar, no
//!   vector that is recorded. What a node tells its store is the same whether it listens or not.
//! - **It promises** that a route without a scar, of its own or of a peer, costs nothing: the feed names the routes
//!   that peers speak of, and a route leaves the list when nothing is left to hear.
//! - **It does not know** where registers come from: it asks the provider's view, which answers from memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use atrion_core::{Evidence, Ohms, Own, Peer};
use atrion_state::{PhysicsVector, RouteId, Sharing, StateManager, StateProvider, Subscription, Weight};

use crate::cell::RouteCell;
use crate::config::FleetConfig;
use crate::registry::Registry;

/// The routes that peers speak of.
#[derive(Default)]
pub(crate) struct Fleet {
    provider: Option<Arc<dyn StateProvider>>,
    feed: Option<Subscription>,
    dropped: u64,
    /// Whether the last pulse listened.
    listens: bool,
    /// Weak, so that a scar far away keeps no route that this node has forgotten.
    listening: HashMap<RouteId, Weak<RouteCell>>,
}

/// How to listen during one pulse.
#[derive(Debug)]
pub(crate) struct Ear {
    provider: Arc<dyn StateProvider>,
    sharing: Sharing,
    /// Room for the peers of one route, used again for the next. A pulse has one ear and is one thread.
    peers: RefCell<Vec<Peer>>,
}

/// What is known of the listener itself.
pub(crate) struct Listener {
    pub(crate) scar: Ohms,
    pub(crate) evidence: Evidence,
    /// The most that the route's own scar can grow to.
    pub(crate) ceiling: Ohms,
}

/// What the fleet says of a route.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Heard {
    /// `S_merged`, if there is a live peer.
    pub(crate) merged: Option<Ohms>,
    /// A peer has a scar: it is worth listening on, though nothing happens here.
    pub(crate) is_scarred: bool,
}

impl Fleet {
    /// Listens to the peers of this provider from now on.
    pub(crate) fn join(&mut self, provider: Arc<dyn StateProvider>, registry: &Registry) {
        // A store of one's own has a feed, too: of what this node writes itself.
        let is_shared = provider.capabilities().shared;
        self.feed = if is_shared { provider.subscribe() } else { None };
        self.dropped = 0;
        self.provider = is_shared.then_some(provider);
        self.attend_all(registry);
    }

    /// How to listen in this pulse, to whom has been spoken of since the last. `None` as for [`ear`](Self::ear).
    pub(crate) fn open(
        &mut self,
        config: &FleetConfig,
        joined: bool,
        fresh: &[Arc<RouteCell>],
        registry: &Registry,
    ) -> Option<Ear> {
        self.gather(fresh, registry);
        let ear = self.ear(config);
        // A licence or a configuration has opened the ear, or a node is back: what was said before still holds.
        if ear.is_some() && (joined || !self.listens) {
            self.attend_all(registry);
        }
        self.listens = ear.is_some();
        ear
    }

    /// How to listen now. `None`: nobody is there, or nobody is to be listened to.
    pub(crate) fn ear(&self, config: &FleetConfig) -> Option<Ear> {
        let provider = Arc::clone(self.provider.as_ref()?);
        let sharing = config.of(provider.sharing()?);
        // At 0 the merge is the own scar to the bit, and need not be computed.
        (sharing.gamma.get() > 0.0).then(|| Ear { provider, sharing, peers: RefCell::default() })
    }

    /// Notes which local routes peers have spoken of since the last pulse.
    fn gather(&mut self, fresh: &[Arc<RouteCell>], registry: &Registry) {
        let Some(feed) = &mut self.feed else { return };
        let dropped = feed.dropped();
        // No longer than it is now: peers that write faster than this reads must not hold up the pulse.
        let named: Vec<_> = (0..feed.len()).map_while(|_| feed.try_recv()).collect();
        for change in named {
            // A route that is not used here needs no gate; when it is first named, it looks by itself.
            if let Some(cell) = registry.get(change.route.as_str()) {
                self.attend(&cell);
            }
        }
        if dropped != self.dropped {
            self.dropped = dropped;
            self.attend_all(registry);
        }
        for cell in fresh {
            self.attend(cell);
        }
    }

    fn attend_all(&mut self, registry: &Registry) {
        for cell in registry.all() {
            self.attend(&cell);
        }
    }

    /// Listens on for this route until nothing is left to hear.
    pub(crate) fn attend(&mut self, cell: &Arc<RouteCell>) {
        if self.feed.is_some() {
            cell.physics().attend();
            self.listening.insert(cell.id().clone(), Arc::downgrade(cell));
        }
    }

    /// Visits the routes that are listened for; one whose visit says so is listened for no more.
    pub(crate) fn retain(&mut self, mut visit: impl FnMut(&RouteCell) -> bool) {
        self.listening.retain(|_, cell| cell.upgrade().is_some_and(|cell| visit(&cell)));
        // A storm that is over leaves its list behind.
        if self.listening.capacity() > 4 * self.listening.len() + 64 {
            self.listening.shrink_to_fit();
        }
    }
}

impl Ear {
    /// `S_merged` of a route (`docs/physics.md` section 5).
    pub(crate) fn hear(&self, route: &RouteId, own: &Listener, manager: &StateManager) -> Heard {
        // Taken out: a provider that comes back to this ear finds it empty, and not borrowed.
        let mut peers = self.peers.take();
        peers.clear();
        self.provider.peers(route, &self.sharing.liveness, &mut peers);
        let heard = self.merge(route, own, manager, &peers);
        self.peers.replace(peers);
        heard
    }

    fn merge(&self, route: &RouteId, own: &Listener, manager: &StateManager, peers: &[Peer]) -> Heard {
        if peers.is_empty() {
            return Heard::default();
        }
        let is_scarred = peers.iter().any(|peer| peer.scar.get() >= PhysicsVector::NEUTRAL_OHMS);
        let published = self.provider.published_weight(route).or_else(|| manager.sent_weight(route));
        let weight = published.map_or(own.evidence, evidence);
        let own_register = Own { scar: own.scar, evidence: own.evidence, weight };
        let merged = self.sharing.blend(own.ceiling).merged(own_register, peers.iter().copied());
        Heard { merged: Some(merged), is_scarred }
    }
}

fn evidence(weight: Weight) -> Evidence {
    Evidence::from_byte(weight.as_255ths())
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("listening", &self.listening.len()).finish_non_exhaustive()
    }
}
