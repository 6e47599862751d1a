// SPDX-License-Identifier: Apache-2.0
//! The instruments, as a table: names, units and attributes are part of the interface. A golden
//! file and the shipped dashboard hold the code to it, and `manual/telemetry.md` explains
//! it.

use atrion_core::{Mode, Reason, Tier};

/// One instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Instrument {
    /// Its name, lower-case and dotted, without a unit.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// UCUM. Empty for states, which are 0 or 1.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// All attributes that it can have.
    pub attributes: &'static [&'static str],
    /// The most series of one route at a time; of an instrument without routes, the most series of
    /// each provider.
    series: usize,
}

/// The kinds of instruments.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls, and can be summed.
    UpDownCounter,
    /// The value at the moment.
    Gauge,
    /// A distribution with these boundaries.
    Histogram(&'static [f64]),
}

pub(crate) const INSTANCE: &str = "atrion.instance";
pub(crate) const ROUTE: &str = "atrion.route";
pub(crate) const TIER: &str = "atrion.tier";
pub(crate) const DECISION: &str = "atrion.decision";
pub(crate) const REASON: &str = "atrion.shed.reason";
pub(crate) const OUTCOME: &str = "atrion.outcome";
pub(crate) const COMPONENT: &str = "atrion.component";
pub(crate) const MODE: &str = "atrion.mode";
pub(crate) const MODE_FROM: &str = "atrion.mode.from";
pub(crate) const MODE_TO: &str = "atrion.mode.to";
pub(crate) const LEASE_END: &str = "atrion.lease.end";
pub(crate) const VISIBILITY: &str = "atrion.visibility";
pub(crate) const RESULT: &str = "atrion.result";
pub(crate) const PROVIDER: &str = "atrion.provider";
pub(crate) const OPERATION: &str = "atrion.operation";
pub(crate) const DIRECTION: &str = "atrion.direction";
pub(crate) const MESSAGE_REASON: &str = "atrion.message.reason";
pub(crate) const NODE_STATE: &str = "atrion.node.state";
pub(crate) const LICENSE_ID: &str = "atrion.license.id";
pub(crate) const LICENSE_STATE: &str = "atrion.license.state";
/// OpenTelemetry's own name for the cause of a failure.
pub(crate) const ERROR_TYPE: &str = "error.type";

macro_rules! instruments {
    ($($constant:ident = $kind:expr, $name:literal, $unit:literal, $series:expr, [$($attribute:ident),*]: $text:literal;)+) => {
        $(pub(crate) const $constant: Instrument = Instrument {
            name: $name,
            kind: $kind,
            unit: $unit,
            description: $text,
            attributes: &[INSTANCE $(, $attribute)*],
            series: $series,
        };)+

        /// Every instrument.
        pub const INSTRUMENTS: &[Instrument] = &[$($constant),+];
    };
}

const MODES: usize = Mode::ALL.len();
/// Admitted, refused for a reason of its own, or by the gate of its group.
const DECISIONS: usize = Tier::ALL.len() * (1 + Reason::ALL.len() + 1);
/// Of messages: two directions, three results, and a reason for some of the rejected ones.
const MESSAGES: usize = 32;

instruments! {
    REQUESTS = Kind::Counter, "atrion.admission.requests", "{request}", DECISIONS, [ROUTE, TIER, DECISION, REASON]:
        "Requests that were decided on.";
    OUTCOMES = Kind::Counter, "atrion.admission.outcomes", "{request}", 5, [ROUTE, OUTCOME]:
        "Admitted requests that came to an end.";
    ACTIVE = Kind::UpDownCounter, "atrion.admission.active_requests", "{request}", 1, [ROUTE]:
        "Admitted requests in flight.";
    STREAMS = Kind::UpDownCounter, "atrion.admission.open_streams", "{stream}", 1, [ROUTE]:
        "Answered requests whose answer is still being sent; not among the active.";
    OVERTAKEN = Kind::UpDownCounter, "atrion.admission.overtaken_requests", "{request}", 1, [ROUTE]:
        "Admitted requests in flight for far longer than the usual work, while younger ones are answered; not among the active.";
    LEASES = Kind::UpDownCounter, "atrion.lease.held", "{lease}", 1, [ROUTE]:
        "Long jobs that hold a slot under a lease.";
    OLDEST_BEAT = Kind::Gauge, "atrion.lease.oldest_beat", "s", 1, [ROUTE]:
        "Of the leases held, how long ago the holder that has been silent for longest has beaten.";
    LEASES_ENDED = Kind::Counter, "atrion.lease.ended", "{lease}", 2, [LEASE_END]:
        "Leases that their holders have not finished: lost, or revoked by an operator.";
    PRESSURE = Kind::Gauge, "atrion.route.pressure", "1", 3, [ROUTE, COMPONENT]:
        "What presses on a route: saturation as used slots over the limit, error as the share of failed calls, latency as a multiple of the uncrowded latency.";
    RESISTANCE = Kind::Gauge, "atrion.route.resistance", "{ohm}", 1, [ROUTE]:
        "Resistance R as a request would meet it: the sum of its terms.";
    BASE = Kind::Gauge, "atrion.route.base", "{ohm}", 1, [ROUTE]:
        "Term of the resistance: what a healthy route has.";
    SATURATION = Kind::Gauge, "atrion.route.saturation", "{ohm}", 1, [ROUTE]:
        "Term of the resistance: the crowd.";
    MOMENTUM = Kind::Gauge, "atrion.route.momentum", "{ohm}", 1, [ROUTE]:
        "Term of the resistance: pressure that rises.";
    SCAR = Kind::Gauge, "atrion.route.scar", "{ohm}", 1, [ROUTE]:
        "Term of the resistance: what is left of past failures.";
    STALENESS = Kind::Gauge, "atrion.route.staleness", "{ohm}", 1, [ROUTE]:
        "Term of the resistance: calls that do not come back.";
    CLUSTER = Kind::Gauge, "atrion.route.cluster", "{ohm}", 1, [ROUTE]:
        "Term of the resistance: what the fleet's scars add or take.";
    SIGNAL = Kind::Gauge, "atrion.route.signal", "{ohm}", 1, [ROUTE]:
        "Term of the resistance: the strongest of the application's own signals.";
    TARGET = Kind::Gauge, "atrion.route.limit", "{request}", 1, [ROUTE]:
        "Target of requests in flight.";
    FLEET_TARGET = Kind::Gauge, "atrion.route.fleet.limit", "{request}", 1, [ROUTE]:
        "Target of requests in flight at all nodes, where the callee is one for all of them.";
    FLEET_ACTIVE = Kind::Gauge, "atrion.route.fleet.active_requests", "{request}", 1, [ROUTE]:
        "Requests in flight at all nodes, as this one hears it.";
    FLEET_PART = Kind::Gauge, "atrion.route.fleet.part", "{request}", 1, [ROUTE]:
        "Part of the fleet's target that is this node's.";
    MODE_NOW = Kind::Gauge, "atrion.route.mode", "", MODES, [ROUTE, MODE]:
        "1 for the mode that a route is in, 0 for the others.";
    TRANSITIONS = Kind::Counter, "atrion.route.mode.transitions", "{transition}", MODES * (MODES - 1), [ROUTE, MODE_FROM, MODE_TO]:
        "Changes of a route's mode.";
    ROUTES = Kind::UpDownCounter, "atrion.routes", "{route}", 2, [VISIBILITY]:
        "Routes that have series of their own, and routes that share those of `__other__`.";
    TURNED_AWAY = Kind::Counter, "atrion.routes.turned_away", "{request}", 1, []:
        "Requests for a route that found the engine's bound of routes reached.";
    CONFIG = Kind::Counter, "atrion.config.changes", "{change}", 2, [RESULT]:
        "Configurations that were offered to a running instance.";
    PULSE = Kind::Histogram(PULSE_BOUNDS), "atrion.pulse.duration", "s", 1, []:
        "How long one computation of all routes took.";
    SYNC = Kind::Histogram(SYNC_BOUNDS), "atrion.state.sync.duration", "s", 12, [PROVIDER, OPERATION, ERROR_TYPE]:
        "How long one trip to a store took.";
    LAG = Kind::Gauge, "atrion.state.sync.lag", "s", 1, [PROVIDER]:
        "Age of the oldest change that a store has not taken yet.";
    MESSAGES_SEEN = Kind::Counter, "atrion.state.messages", "{message}", MESSAGES, [PROVIDER, DIRECTION, RESULT, MESSAGE_REASON]:
        "Messages to and from a store or other nodes.";
    DEGRADED = Kind::Gauge, "atrion.state.degraded", "", 1, [PROVIDER]:
        "1 while a store cannot be used and admission goes on from memory.";
    NODES = Kind::Gauge, "atrion.cluster.nodes", "{node}", 2, [PROVIDER, NODE_STATE]:
        "Other nodes that are heard.";
    EXPIRATION = Kind::Gauge, "atrion.license.expiration", "s", 1, [LICENSE_ID]:
        "When the license expires, in Unix time.";
    LICENSE = Kind::Gauge, "atrion.license.state", "", 6, [LICENSE_ID, LICENSE_STATE]:
        "1 for the state that the license is in, 0 for the others.";
}

/// From a pulse of a few routes to one that takes as long as ten intervals.
const PULSE_BOUNDS: &[f64] =
    &[1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// From a store in the same rack to a trip that was given up.
const SYNC_BOUNDS: &[f64] = &[5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The most series that an instrument of this crate has when `routes` routes are shown: the
/// cardinality limit that an SDK needs. `None` for other instruments.
///
/// The Rust SDK allows 2,000 series per instrument unless a view says otherwise, and drops the
/// attributes of the rest:
///
/// ```
/// use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
///
/// let provider = SdkMeterProvider::builder().with_view(|instrument: &Instrument| {
///     let limit = atrion_otel::most_series(instrument.name(), 1_000)?;
///     Stream::builder().with_cardinality_limit(limit).build().ok()
/// });
/// # let _ = provider;
/// ```
#[must_use]
pub fn most_series(instrument: &str, routes: usize) -> Option<usize> {
    let found = INSTRUMENTS.iter().find(|known| known.name == instrument)?;
    // The overflow route and `__other__` come on top of the bound.
    let times = if found.attributes.contains(&ROUTE) { routes.saturating_add(2) } else { MOST_PROVIDERS };
    Some(found.series.saturating_mul(times))
}

/// Layers of a provider, or generations of a license.
const MOST_PROVIDERS: usize = 8;
