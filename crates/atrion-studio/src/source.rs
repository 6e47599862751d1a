// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What Studio looks at: a port, so that the views know nothing of where the numbers come from.

mod fleet;
pub use fleet::Fleet;

mod history;
pub use history::{Change, Changes, History, HistoryError, Wanted};

mod instance;
pub use instance::Instance;

#[cfg(feature = "postgres")]
mod postgres;

use std::time::Duration;

use atrion_core::Mode;
use atrion_engine::recording::Recorded;
use atrion_engine::{Override, RouteConfig};
use atrion_state::{Health, PhysicsVector, ProviderStats, RouteId};
use atrion_tower::api::{Api, EventPage, RefusalView};

/// Somewhere to look. Called from Studio's own task, once or twice a second: never on a request's path.
pub trait Source: Send + Sync + 'static {
    /// Everything at this moment. It may take locks for microseconds, and must not block.
    fn look(&self) -> Observed;

    /// What happened after the event of that number.
    fn events_after(&self, number: u64) -> Option<EventPage> {
        let _ = number;
        None
    }

    /// A few of the latest refusals after the sample of that number.
    fn refusals_after(&self, number: u64) -> Vec<RefusalView> {
        let _ = number;
        Vec::new()
    }

    /// Who can change something, if anybody can.
    fn operator(&self) -> Option<&dyn Operator> {
        None
    }

    /// Who keeps the latest minutes, if anybody does.
    fn memory(&self) -> Option<&dyn Memory> {
        None
    }

    /// The read-only JSON API over the same thing, if there is one.
    fn api(&self) -> Option<Api> {
        None
    }
}

/// Keeps the latest minutes of some routes, so that they can be lived through again.
pub trait Memory: Send + Sync {
    /// One look: decides whose minutes are kept from now on, for `span`.
    fn tend(&self, routes: &[Sighting], span: Duration);

    /// The routes of which something is kept, with the number of pulses.
    fn kept(&self) -> Vec<(RouteId, usize)>;

    /// What is kept of a route.
    fn recorded(&self, route: &str) -> Option<Recorded>;

    /// The configuration of a route.
    fn config(&self, route: &RouteId) -> RouteConfig;
}

/// Takes routes over by hand.
pub trait Operator: Send + Sync {
    /// Sets an override on a route that exists; an unknown one is an error and is not made.
    ///
    /// # Errors
    /// What is wrong, in words for whoever asked.
    fn set(&self, route: &str, wanted: Override) -> Result<(), String>;

    /// Lifts an override for somebody of that name; says whether there was one.
    fn lift(&self, route: &str, author: &str) -> bool;
}

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
#[allow(clippy::exhaustive_structs)] // plain data that sources make
pub struct Observed {
    /// Every route, once.
    pub routes: Vec<Sighting>,
    /// Overrides in force.
    pub overrides: Vec<(RouteId, Override)>,
    /// The stores behind it.
    pub stores: Vec<Store>,
    /// The nodes of the fleet, this one first where it is one of them. Empty on a single node.
    pub nodes: Vec<Node>,
    /// gamma, where it is known: the weight of the fleet's word.
    pub gamma: Option<f64>,
}

/// One route.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Sighting {
    /// Its name.
    pub route: RouteId,
    /// What it is doing.
    pub mode: Mode,
    /// Nothing is shed.
    pub shadow: bool,
    /// Held open (`Some(true)`) or closed by hand.
    pub forced_open: Option<bool>,
    /// Base, saturation, momentum, scar, staleness and cluster share, in ohms.
    pub terms: [f64; 6],
    /// Requests in flight.
    pub in_flight: f64,
    /// D, in slots.
    pub debt: f64,
    /// N*, in requests.
    pub limit: f64,
    /// L and L0, in seconds.
    pub latency: [f64; 2],
    /// e, 0..=1.
    pub error_share: f64,
    /// Requests let through since the route exists, by tier from critical to bulk.
    pub admitted: [u64; 5],
    /// Requests refused, likewise.
    pub shed: [u64; 5],
}

impl Sighting {
    /// A route of which only the name is known, as long as nothing happens on it: what else is known stands beside it.
    pub(crate) const fn calm(route: RouteId) -> Self {
        Self {
            route,
            mode: Mode::Operational,
            shadow: false,
            forced_open: None,
            terms: [0.0; 6],
            in_flight: 0.0,
            debt: 0.0,
            limit: 0.0,
            latency: [0.0; 2],
            error_share: 0.0,
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
    /// What is wrong with it, if something is: the instance then works from memory.
    pub trouble: Option<String>,
    /// The age of the oldest change that it has not taken yet, where that is known.
    pub lag: Option<Duration>,
    /// Other nodes that are heard through it, and those of them that fade, where nodes hear each other.
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
    /// How long it has not been heard of.
    pub silence: Duration,
    /// What it says of routes that are not neutral.
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
    /// What the gate of the node that looks makes of it with the others' word, where that is known.
    pub merged: Option<f64>,
    /// R, in ohms.
    pub resistance: f64,
    /// What the route does there.
    pub mode: Mode,
    /// How old the word is.
    pub age: Duration,
}

/// Scars under a hundredth of an ohm are none.
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

/// `None` if there is nothing worth showing.
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

/// A mode as people are told it.
pub(crate) fn words(mode: Mode) -> &'static str {
    match mode {
        Mode::Bootstrap => "learning",
        Mode::Operational => "operational",
        Mode::CircuitBreaker => "breaker open",
    }
}
