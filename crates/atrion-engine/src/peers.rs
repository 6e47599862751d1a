// SPDX-License-Identifier: Apache-2.0
//! What the peers of this node say of one route: read from the provider's view before the route's
//! lock is taken, merged under it as values.
//!
//! - **It promises** that nothing here is asked under a route's lock: a provider that is slow, or
//!   that calls back into the engine, holds up no route.
//! - **It does not know** where registers come from: the provider's view answers from memory.

use std::cell::RefCell;
use std::sync::Arc;

use atrion_core::claim::HeardTenants;
use atrion_core::{Evidence, Ohms, Own, Peer, PeerLoad};
use atrion_state::{PhysicsVector, RouteId, Sharing, StateManager, StateProvider};

/// Reads what peers say, during one pulse.
#[derive(Debug)]
pub(crate) struct PeerReader<'a> {
    provider: Arc<dyn StateProvider>,
    manager: &'a StateManager,
    sharing: Sharing,
    /// Room for the peers of one route, used again for the next. A pulse has one reader and is one
    /// thread.
    room: RefCell<Vec<Peer>>,
}

/// What is known of the peers in one COMPUTE or visit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peers<'a> {
    /// There is no fleet, or this node does not listen to it.
    Absent,
    /// Not read: neither this node nor a peer had a scar when the COMPUTE began.
    Unread,
    Read(PeerView<'a>),
}

/// The registers of one route at the peers, and how to listen to them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerView<'a> {
    sharing: &'a Sharing,
    peers: &'a [Peer],
    /// The evidence in this node's own register as its peers have it, if it has published any.
    published: Option<Evidence>,
    /// What they say of tenants, where that was asked for.
    tenants: Option<&'a Arc<HeardTenants>>,
}

/// What a merge has to know of this node itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerQuery {
    pub(crate) scar: Ohms,
    pub(crate) evidence: Evidence,
    /// The most that the route's own scar can grow to.
    pub(crate) ceiling: Ohms,
}

/// What the peers make of a route's scar.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PeerScar {
    /// `S_merged`, if there is a live peer.
    pub(crate) merged: Option<Ohms>,
    /// A peer has a scar: it is worth reading on, though nothing happens here.
    pub(crate) is_scarred: bool,
}

impl<'a> Peers<'a> {
    /// What they say of tenants, as far as it was read.
    pub(crate) fn tenants(self) -> Option<&'a Arc<HeardTenants>> {
        match self {
            Self::Read(view) => view.tenants,
            Self::Absent | Self::Unread => None,
        }
    }
}

impl<'a> PeerReader<'a> {
    /// `None`: this node does not listen.
    pub(crate) fn new(
        provider: Arc<dyn StateProvider>,
        sharing: Sharing,
        manager: &'a StateManager,
    ) -> Option<Self> {
        // At 0 the merge is the own scar to the bit, and need not be computed.
        (sharing.gamma.get() > 0.0).then(|| Self { provider, manager, sharing, room: RefCell::default() })
    }

    /// Hands over what the peers say of a route now, and of its tenants only where that is asked
    /// for.
    pub(crate) fn read<R>(
        &self,
        route: &RouteId,
        of_tenants: bool,
        take: impl FnOnce(PeerView<'_>) -> R,
    ) -> R {
        // Taken out: a provider that comes back to this reader finds it empty, and not borrowed.
        let mut peers = self.room.take();
        peers.clear();
        self.provider.peers(route, &self.sharing.liveness, &mut peers);
        let published = if peers.is_empty() {
            None
        } else {
            self.provider.published_weight(route).or_else(|| self.manager.sent_weight(route))
        };
        let published = published.map(|weight| Evidence::from_byte(weight.as_255ths()));
        let tenants = if of_tenants { self.tenants(route).map(Arc::new) } else { None };
        let tenants = tenants.as_ref();
        let taken = take(PeerView { sharing: &self.sharing, peers: &peers, published, tenants });
        self.room.replace(peers);
        taken
    }

    /// What a node says of tenants counts less the older it is, as its other words do.
    fn tenants(&self, route: &RouteId) -> Option<HeardTenants> {
        let view = self.provider.view(route);
        let said = view.iter().flat_map(|register| {
            let fade = self.sharing.liveness.fade(register.vector.age);
            register.vector.tenants.units().map(move |(word, units)| (word, (fade * units) as f32))
        });
        HeardTenants::of(&mut said.filter(|(_, units)| *units > 0.0).collect::<Vec<_>>())
    }
}

impl PeerView<'_> {
    /// What the peers say of their load.
    pub(crate) fn loads(&self) -> impl Iterator<Item = PeerLoad> + Clone {
        self.peers.iter().map(|peer| peer.load)
    }

    /// `S_merged` of the route (`manual/physics.md` section 5).
    pub(crate) fn merge(&self, query: &PeerQuery) -> PeerScar {
        if self.peers.is_empty() {
            return PeerScar::default();
        }
        let is_scarred = self.peers.iter().any(|peer| peer.scar.get() >= PhysicsVector::NEUTRAL_OHMS);
        let PeerQuery { scar, evidence, ceiling } = *query;
        let own = Own { scar, evidence, weight: self.published.unwrap_or(evidence) };
        let merged = self.sharing.blend(ceiling).merged(own, self.peers.iter().copied());
        PeerScar { merged: Some(merged), is_scarred }
    }
}
