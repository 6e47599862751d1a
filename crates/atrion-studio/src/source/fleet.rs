// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A fleet, seen from beside it: what every node says of itself, through the port by which nodes
//! share state.
//!
//! It writes nothing but its own presence: a node without a route has no evidence, so it moves no
//! gate. Requests, N* and refusals stay in the nodes; scars, resistance, modes and loads are shared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use atrion_core::Mode;
use atrion_state::{
    NodeId, ProviderError, ProviderStats, Register, RouteId, StateProvider, Subscription, lock,
};
use atrion_tower::api::{EventLog, EventPage, EventText};

use super::callees::{Callees, Said};
use super::{Node, Observed, Sighting, Source, Store};

/// The routes and nodes that a provider hears of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    provider: Arc<dyn StateProvider>,
    seen: Mutex<Seen>,
    log: EventLog,
    callees: Callees,
}

/// What has been read from the provider so far.
struct Seen {
    changes: Option<Subscription>,
    routes: BTreeSet<RouteId>,
    modes: HashMap<(RouteId, NodeId), Mode>,
}

/// As many routes as a process tells apart by default.
const MOST_ROUTES: usize = 10_000;

impl Fleet {
    /// Joins the fleet behind the provider. A store that cannot be reached yet is no error where
    /// the provider retries by itself; the views then say so.
    ///
    /// # Errors
    /// [`ProviderError`] where a retry cannot help.
    pub async fn join(provider: Arc<dyn StateProvider>) -> Result<Self, ProviderError> {
        // Before it connects, so that no early change is missed.
        let seen = Seen { changes: provider.subscribe(), routes: BTreeSet::new(), modes: HashMap::new() };
        provider.connect().await?;
        let (seen, log, callees) = (Mutex::new(seen), EventLog::default(), Callees::default());
        Ok(Self(Arc::new(Inner { provider, seen, log, callees })))
    }

    /// Leaves the fleet.
    pub async fn leave(&self) {
        // Nothing is stored here, so no error can lose anything.
        let _ = self.0.provider.disconnect().await;
    }

    /// The registers of every route that a node speaks of. Changes of modes since the last look are
    /// logged.
    fn registers(&self) -> Vec<(RouteId, Vec<Register>)> {
        let mut seen = lock(&self.0.seen);
        let Seen { changes, routes, modes } = &mut *seen;
        if let Some(changes) = changes {
            // Only what waits now: nodes that write faster than this reads must not hold it up.
            for change in (0..changes.len()).map_while(|_| changes.try_recv()) {
                if routes.len() < MOST_ROUTES {
                    routes.insert(change.route);
                }
            }
        }
        let mut all = Vec::with_capacity(routes.len());
        let mut turns = Vec::new();
        routes.retain(|route| {
            let view = self.0.provider.view(route);
            for register in &view {
                let mode = register.vector.mode;
                let before = modes.insert((route.clone(), register.node.clone()), mode);
                // A node that is open when it is first heard of is news as well.
                let is_news = before.map_or(mode == Mode::CircuitBreaker, |before| before != mode);
                if is_news {
                    turns.push((route.clone(), register.node.clone(), before, mode));
                }
            }
            let spoken_of = !view.is_empty();
            if spoken_of {
                all.push((route.clone(), view));
            }
            spoken_of
        });
        modes.retain(|(route, _), _| routes.contains(route));
        drop(seen);
        for (route, node, from, to) in turns {
            let event = EventText::mode_changed(route.as_str(), from, to, None);
            self.0.log.add(event.on_node(node.as_str()));
        }
        all
    }
}

impl Source for Fleet {
    fn look(&self) -> Observed {
        let registers = self.registers();
        let mut nodes: BTreeMap<NodeId, Node> = BTreeMap::new();
        for (route, view) in &registers {
            for register in view {
                let node = nodes.entry(register.node.clone()).or_insert_with(|| Node {
                    name: register.node.as_str().to_owned(),
                    is_here: false,
                    silence: register.silence,
                    cells: Vec::new(),
                });
                node.silence = node.silence.min(register.silence);
                node.cells.extend(super::cell_of(route, &register.vector));
            }
        }
        let callees = self.0.callees.look(registers.iter().map(|(route, view)| Said {
            route,
            share: None,
            here: None,
            view: view.clone(),
        }));
        Observed {
            routes: registers.iter().filter_map(|(route, view)| worst(route, view)).collect(),
            overrides: Vec::new(),
            leases: Vec::new(),
            lost_leases: Vec::new(),
            stores: stores(&*self.0.provider),
            nodes: nodes.into_values().collect(),
            callees,
            gamma: self.0.provider.sharing().map(|sharing| sharing.gamma.get()),
            stalled: false,
        }
    }

    fn events_after(&self, number: u64) -> Option<EventPage> {
        Some(self.0.log.after(number))
    }
}

/// The route as its worst node sees it: people look for the worst of a fleet, and not for its mean.
fn worst(route: &RouteId, view: &[Register]) -> Option<Sighting> {
    let severity = |register: &&Register| {
        let open = register.vector.mode == Mode::CircuitBreaker;
        (open, register.vector.aged_scar().get().to_bits())
    };
    let vector = view.iter().max_by_key(severity)?.vector;
    let rest = (vector.resistance.get() - vector.scar_tissue.get()).max(0.0);
    let terms = [rest, 0.0, 0.0, vector.aged_scar().get(), 0.0, 0.0, 0.0];
    Some(Sighting { mode: vector.mode, terms, ..Sighting::calm(route.clone()) })
}

fn stores(provider: &dyn StateProvider) -> Vec<Store> {
    let mut stats = provider.stats();
    if stats.is_empty() {
        let plain: ProviderStats = ProviderStats::new(provider.capabilities().name).health(provider.health());
        stats.push(plain);
    }
    stats.into_iter().map(super::store).collect()
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("provider", &self.provider).finish_non_exhaustive()
    }
}
