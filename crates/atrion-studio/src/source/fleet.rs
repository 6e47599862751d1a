// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A fleet, seen from beside it: what every node says of itself, through the port that nodes share their state by.
//!
//! Nothing is written but that somebody is there: a node without a route has no evidence, so nobody's gate hears it.
//! Requests, limits and refusals stay where they are, in the nodes; what is shared is scars, resistance and modes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use atrion_core::Mode;
use atrion_state::{
    Clock as _, NodeId, ProviderError, ProviderStats, Register, RouteId, StateProvider, Subscription,
    SystemClock, lock,
};
use atrion_tower::api::{EventPage, EventView, Severity};
use serde_json::{Map, Value, json};

use super::{Node, Observed, Sighting, Source, Store, words};

/// The routes and nodes that a provider hears of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fleet(Arc<Shared>);

struct Shared {
    provider: Arc<dyn StateProvider>,
    heard: Mutex<Heard>,
    log: Mutex<Log>,
}

struct Heard {
    changes: Option<Subscription>,
    routes: BTreeSet<RouteId>,
    modes: HashMap<(RouteId, NodeId), Mode>,
}

#[derive(Default)]
struct Log {
    events: VecDeque<EventView>,
    latest: u64,
}

/// As many routes as a process tells apart by default.
const MOST_ROUTES: usize = 10_000;
/// So many events are remembered.
const REMEMBERED: usize = 2_048;

impl Fleet {
    /// Joins the fleet behind the provider. A store that cannot be reached yet is no error where the provider goes on
    /// trying by itself; the views then say so.
    ///
    /// # Errors
    /// [`ProviderError`] where trying again makes no sense.
    pub async fn join(provider: Arc<dyn StateProvider>) -> Result<Self, ProviderError> {
        // Before it connects, so that nothing is missed that is there already.
        let heard = Heard { changes: provider.subscribe(), routes: BTreeSet::new(), modes: HashMap::new() };
        provider.connect().await?;
        Ok(Self(Arc::new(Shared { provider, heard: Mutex::new(heard), log: Mutex::default() })))
    }

    /// Says goodbye to the fleet.
    pub async fn leave(&self) {
        // There is nothing to be stored, so nothing that could not be.
        let _ = self.0.provider.disconnect().await;
    }

    fn add(
        &self,
        at_ms: u64,
        kind: &'static str,
        severity: Severity,
        route: Option<String>,
        text: String,
        details: Map<String, Value>,
    ) {
        let mut log = lock(&self.0.log);
        log.latest += 1;
        let event = EventView::new(log.latest, at_ms, kind, severity, route, text, details);
        if log.events.len() >= REMEMBERED {
            log.events.pop_front();
        }
        log.events.push_back(event);
    }

    /// The registers of every route that is spoken of, with what has changed since the last look.
    fn registers(&self) -> Vec<(RouteId, Vec<Register>)> {
        let mut heard = lock(&self.0.heard);
        let Heard { changes, routes, modes } = &mut *heard;
        if let Some(changes) = changes {
            // No longer than it is now: nodes that speak faster than this reads must not hold it up.
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
                // A node may have opened before it is first heard of: that is news as well.
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
        drop(heard);
        for (route, node, from, to) in turns {
            let severity = if to == Mode::CircuitBreaker { Severity::Error } else { Severity::Info };
            let text = match from {
                Some(from) => format!("{node}: {} → {}", words(from), words(to)),
                None => format!("{node}: {}, as it is first heard of", words(to)),
            };
            let details = json!({ "node": node.as_str(), "from": from.map(Mode::as_str), "to": to.as_str() });
            let Value::Object(details) = details else { continue };
            let route = Some(route.as_str().to_owned());
            self.add(SystemClock.wall().as_millis(), "mode_changed", severity, route, text, details);
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
        Observed {
            routes: registers.iter().filter_map(|(route, view)| worst(route, view)).collect(),
            overrides: Vec::new(),
            stores: stores(&*self.0.provider),
            nodes: nodes.into_values().collect(),
            gamma: self.0.provider.sharing().map(|sharing| sharing.gamma.get()),
        }
    }

    fn events_after(&self, number: u64) -> Option<EventPage> {
        let log = lock(&self.0.log);
        let number = if number > log.latest { 0 } else { number };
        let events: Vec<_> = log.events.iter().filter(|event| event.number > number).cloned().collect();
        let first = events.first().map_or(number + 1, |event| event.number);
        Some(EventPage::new(events, log.latest, first - number - 1))
    }
}

/// The route as the node sees it that suffers most: the fleet's worst, and not its mean, is what somebody looks for.
fn worst(route: &RouteId, view: &[Register]) -> Option<Sighting> {
    let severity = |register: &&Register| {
        let open = register.vector.mode == Mode::CircuitBreaker;
        (open, register.vector.aged_scar().get().to_bits())
    };
    let vector = view.iter().max_by_key(severity)?.vector;
    let rest = (vector.resistance.get() - vector.scar_tissue.get()).max(0.0);
    let terms = [rest, 0.0, 0.0, vector.aged_scar().get(), 0.0, 0.0];
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("provider", &self.provider).finish_non_exhaustive()
    }
}
