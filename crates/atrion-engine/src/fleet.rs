// SPDX-License-Identifier: Apache-2.0
//! Which routes the peers of this node speak of, and whether this node listens to them.
//!
//! - **It promises** that the fleet moves the resistance of a gate and nothing else: no mode, no
//!   breaker, no scar, no vector that is recorded. What a node tells its store is the same whether
//!   it listens or not.
//! - **It promises** that a route without a scar, of its own or of a peer, costs nothing: the feed
//!   names the routes that peers speak of, and a route leaves the list when nothing is left to
//!   hear.
//! - **It does not know** where registers come from: it asks the provider's view, which answers
//!   from memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use atrion_state::{RouteId, StateManager, StateProvider, Subscription};

use crate::cell::RouteCell;
use crate::config::FleetConfig;
use crate::live;
use crate::peers::PeerReader;
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

impl Fleet {
    /// Listens to the peers of this provider from now on.
    pub(crate) fn join(&mut self, provider: Arc<dyn StateProvider>, registry: &Registry) {
        // A store that is not shared has a feed, too: of what this node writes itself.
        let is_shared = provider.capabilities().shared;
        self.feed = if is_shared { provider.subscribe() } else { None };
        self.dropped = 0;
        self.provider = is_shared.then_some(provider);
        self.attend_all(registry);
    }

    /// Takes in which routes peers have spoken of since the last pulse.
    pub(crate) fn gather(
        &mut self,
        joined: bool,
        listens: bool,
        fresh: &[Arc<RouteCell>],
        registry: &Registry,
    ) {
        self.read_feed(registry);
        for cell in fresh {
            self.attend(cell);
        }
        // A license or a configuration lets this node listen again, or a node is back: what was
        // said before still holds.
        if listens && (joined || !self.listens) {
            self.attend_all(registry);
        }
        self.listens = listens;
    }

    /// Reads what peers say now. `None`: there is no fleet, or this node does not listen.
    pub(crate) fn reader<'a>(
        &self,
        config: &FleetConfig,
        manager: &'a StateManager,
    ) -> Option<PeerReader<'a>> {
        let provider = Arc::clone(self.provider.as_ref()?);
        let sharing = config.of(provider.sharing()?);
        if let Some(secret) = sharing.tenants {
            live::agree_on(secret);
        }
        PeerReader::new(provider, sharing, manager)
    }

    /// Notes which local routes peers have spoken of.
    fn read_feed(&mut self, registry: &Registry) {
        let Some(feed) = &mut self.feed else { return };
        let dropped = feed.dropped();
        // As many as there are now: peers that write faster than this reads must not hold up the
        // pulse.
        let named: Vec<_> = (0..feed.len()).map_while(|_| feed.try_recv()).collect();
        for change in named {
            // A route that is not used here needs no gate; when it is first named, it is read as a
            // fresh one.
            if let Some(cell) = registry.get(change.route.as_str()) {
                self.attend(&cell);
            }
        }
        if dropped != self.dropped {
            self.dropped = dropped;
            self.attend_all(registry);
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

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("listening", &self.listening.len()).finish_non_exhaustive()
    }
}
