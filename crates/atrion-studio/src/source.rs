// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What Studio looks at: a port, so that the views do not know where the numbers come from.

mod callees;

mod fleet;
pub use fleet::Fleet;

mod history;
pub use history::{History, HistoryError, ModeChange, ModeChanges, Wanted};

mod instance;
pub use instance::Instance;

#[cfg(feature = "postgres")]
mod postgres;

use std::time::Duration;

use atrion_core::{Mode, Share};
use atrion_engine::recording::Recorded;
use atrion_engine::{LeaseId, LeaseSnapshot, Outage, Override, RouteConfig};
use atrion_state::{Health, LeaseRecord, OverrideKind, PhysicsVector, ProviderStats, RouteId};
use atrion_tower::api::{Api, EventPage, RefusalView};

/// A source of everything that Studio shows. Studio's own tasks call it, once or twice a second:
/// never on a request's path.
pub trait Source: Send + Sync + 'static {
    /// Everything at this moment. It may take locks for microseconds, and must not block.
    fn look(&self) -> Observed;

    /// What happened after the event of that number; `None` if the source has no events.
    fn events_after(&self, number: u64) -> Option<EventPage> {
        let _ = number;
        None
    }

    /// A few of the latest refusals after the sample of that number.
    fn refusals_after(&self, number: u64) -> Vec<RefusalView> {
        let _ = number;
        Vec::new()
    }

    /// The operator that sets overrides, if there is one.
    fn operator(&self) -> Option<&dyn Operator> {
        None
    }

    /// The memory of the latest minutes, if there is one.
    fn memory(&self) -> Option<&dyn Memory> {
        None
    }

    /// The read-only JSON API over the same source, if there is one.
    fn api(&self) -> Option<Api> {
        None
    }
}

/// Keeps the latest minutes of some routes, so that they can be replayed.
pub trait Memory: Send + Sync {
    /// Takes in a look: decides which routes are kept from now on, for `span`.
    fn tend(&self, routes: &[Sighting], span: Duration);

    /// The routes of which something is kept, with the number of their pulses.
    fn kept(&self) -> Vec<(RouteId, usize)>;

    /// What is kept of a route.
    fn recorded(&self, route: &str) -> Option<Recorded>;

    /// The configuration of a route.
    fn config(&self, route: &RouteId) -> RouteConfig;
}

/// Sets overrides.
pub trait Operator: Send + Sync {
    /// Sets an override on a route that exists. An unknown route is an error and is not made.
    ///
    /// # Errors
    /// What is wrong, in words for the page.
    fn set(&self, route: &str, wanted: Override) -> Result<(), String>;

    /// Lifts an override in the name of `author`; says whether there was one.
    fn lift(&self, route: &str, author: &str) -> bool;

    /// Takes a lease away from its holder; says whether there was such a lease.
    ///
    /// # Errors
    /// What is wrong, in words for the page.
    fn revoke(&self, lease: LeaseId, reason: &str) -> Result<bool, String>;
}

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
#[allow(clippy::exhaustive_structs)] // plain data that sources make
pub struct Observed {
    /// Every route, once.
    pub routes: Vec<Sighting>,
    /// Overrides in force.
    pub overrides: Vec<(RouteId, Override)>,
    /// What is held under leases, and by which routes.
    pub leases: Vec<(RouteId, LeaseSnapshot)>,
    /// What earlier lives of the process held under leases when they ended.
    pub lost_leases: Vec<LeaseRecord>,
    /// The stores behind it.
    pub stores: Vec<Store>,
    /// The nodes of the fleet; first this one, where it is one of them. Empty on a single node.
    pub nodes: Vec<Node>,
    /// Callees that are one for all nodes, while something is asked of them.
    pub callees: Vec<Callee>,
    /// gamma, the weight of the fleet's scars, where it is known.
    pub gamma: Option<f64>,
    /// No pulse comes: what it shows is old, and the routes are hardly protected.
    pub stalled: bool,
}

/// One route.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Sighting {
    /// Its name.
    pub route: RouteId,
    /// The gate of the group that its requests pass beside its own. The gates of groups are routes
    /// themselves ([`RouteId::is_group`]), which no sum over routes has in it.
    pub group: Option<RouteId>,
    /// Its mode.
    pub mode: Mode,
    /// Nothing is shed.
    pub shadow: bool,
    /// The override that holds it open, closed or in shadow mode.
    pub forced: Option<OverrideKind>,
    /// Base, saturation, momentum, scar, staleness, cluster share and signal, in ohms.
    pub terms: [f64; 7],
    /// Requests in flight.
    pub in_flight: f64,
    /// Answered requests whose answer is still being sent; not among `in_flight`.
    pub streams: f64,
    /// Calls in flight for far longer than the usual work, while younger ones are answered; not among
    /// `in_flight`.
    pub overtaken: f64,
    /// Requests that wait for a permit at this gate.
    pub queued: f64,
    /// D, in slots.
    pub debt: f64,
    /// N*, in requests.
    pub target: f64,
    /// L, the current latency; `None` while unknown.
    pub latency: Option<Duration>,
    /// L0, the latency without a crowd; `None` while unknown.
    pub baseline: Option<Duration>,
    /// e, 0..=1.
    pub error_share: f64,
    /// What is known of the outage while the breaker is open; `None` where it is closed, or nothing
    /// is known.
    pub outage: Option<Outage>,
    /// Requests let through since the route exists, by tier from critical to bulk.
    pub admitted: [u64; 5],
    /// Requests refused, likewise, whichever gate refused them.
    pub shed: [u64; 5],
}

impl Sighting {
    /// A route on which nothing happens. A source that knows only a part of a sighting fills in
    /// that part.
    pub(crate) const fn calm(route: RouteId) -> Self {
        Self {
            route,
            group: None,
            mode: Mode::Operational,
            shadow: false,
            forced: None,
            terms: [0.0; 7],
            in_flight: 0.0,
            streams: 0.0,
            overtaken: 0.0,
            queued: 0.0,
            debt: 0.0,
            target: 0.0,
            latency: None,
            baseline: None,
            error_share: 0.0,
            outage: None,
            admitted: [0; 5],
            shed: [0; 5],
        }
    }
}

/// A store.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Store {
    /// `memory`, `redis`, `postgres`.
    pub name: String,
    /// What is wrong with it, if something is. The instance then works from memory.
    pub trouble: Option<String>,
    /// The age of the oldest change that it has not taken yet, where that is known.
    pub lag: Option<Duration>,
    /// The other nodes that are heard through it, and those of them that fade; `None` where nodes
    /// do not hear each other.
    pub nodes: Option<[usize; 2]>,
}

/// A node of the fleet.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Node {
    /// Its name.
    pub name: String,
    /// It is the one that serves Studio.
    pub is_here: bool,
    /// How long it has been silent.
    pub silence: Duration,
    /// What it says of routes with a scar.
    pub cells: Vec<Cell>,
}

/// What a node says of a route.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Cell {
    /// The route.
    pub route: RouteId,
    /// The node's own scar, aged to now, in ohms.
    pub scar: f64,
    /// The scar that the gate of the looking node uses, merged with the scars of others, where that
    /// is known.
    pub merged: Option<f64>,
    /// R, in ohms.
    pub resistance: f64,
    /// The mode there.
    pub mode: Mode,
    /// How old this is.
    pub age: Duration,
}

/// A callee that is one for all nodes.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Callee {
    /// The route to it.
    pub route: RouteId,
    /// N* of the fleet and whether the parts are in force, where the source is a node of it.
    pub share: Option<Share>,
    /// What each node asks of it.
    pub nodes: Vec<Demand>,
}

/// What one node asks of a callee, in the mean over some looks.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Demand {
    /// The node's name.
    pub node: String,
    /// It is the one that serves Studio.
    pub is_here: bool,
    /// Requests per second at its gate.
    pub offered: f64,
    /// Requests in flight.
    pub in_flight: f64,
    /// Its part of the fleet's N*, in requests, where that is known.
    pub part: Option<f64>,
}

/// Scars below a hundredth of an ohm are not shown.
const WORTH_SHOWING: f64 = 0.01;

fn store(stats: ProviderStats) -> Store {
    let trouble = match stats.health {
        Health::Degraded { reason } => Some(reason.to_string()),
        Health::Disconnected => Some("not connected".to_owned()),
        _ => None,
    };
    let nodes = stats.nodes.map(|nodes| [nodes.live, nodes.fading]);
    Store { name: stats.provider.to_owned(), trouble, lag: stats.lag, nodes }
}

/// `None` if the scar is not worth showing.
fn cell_of(route: &RouteId, vector: &PhysicsVector) -> Option<Cell> {
    let scar = vector.aged_scar().get();
    (scar > WORTH_SHOWING).then(|| Cell {
        route: route.clone(),
        scar,
        merged: None,
        resistance: vector.resistance.get(),
        mode: vector.mode,
        age: vector.age,
    })
}
