// SPDX-License-Identifier: Apache-2.0
//! The state of an instance as plain data, for people and exporters.

use std::time::Duration;

use atrion_core::{Mode, Ohms, Reason, Share, SignalName, Terms, Tier};
use atrion_state::{LeaseRecord, OverrideKind, RouteId};

use crate::cell::RouteCell;
use crate::lease::LeaseSnapshot;
use crate::live::{Force, reason_index, tier_index};
use crate::outage::Outage;
use crate::physics::{RoutePhysics, Totals};
use crate::signal::{SignalSnapshot, name_of};

/// An instance at one moment. Routes are read one after the other, so two of them may be of
/// neighbouring ticks.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// Every route, by name; the overflow route is among them.
    pub routes: Vec<RouteSnapshot>,
    /// Every signal, in the order of their making.
    pub signals: Vec<SignalSnapshot>,
    /// What earlier lives of this node held under leases when they ended, for a day: jobs that a
    /// process has taken along. A fact for people, as the store kept it; none of it is in flight.
    pub lost_leases: Vec<LeaseRecord>,
    /// The provider fails and the instance works from what it has in memory, or no pulse comes.
    pub degraded: bool,
    /// No pulse comes: [`Engine::is_stalled`](crate::Engine::is_stalled).
    pub stalled: bool,
}

/// One route at one moment.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RouteSnapshot {
    /// The route's name.
    pub id: RouteId,
    /// It is the gate of a group: its requests are counted at their routes, too, so sums over
    /// routes leave it out.
    pub is_group: bool,
    /// The gate of the group that its requests pass beside its own: as configured, or the latest
    /// that a handle was made for.
    pub group: Option<RouteId>,
    /// What it is doing.
    pub mode: Mode,
    /// R as a request would meet it now.
    pub resistance: Ohms,
    /// The terms of R.
    pub terms: Terms,
    /// The strongest of the application's own signals, where one is in R.
    pub signal: Option<SignalName>,
    /// Units in flight, without the requests that wait for their client. A request is one unit
    /// unless it says that it costs more.
    pub in_flight: u64,
    /// Admitted requests that wait for their client: for the rest of an upload, or for a slow
    /// reader. They are no load, but a cap counts them.
    pub waiting: u64,
    /// Streams that are open: calls that were answered and go on
    /// ([`OwnedPermit::into_stream`](crate::OwnedPermit::into_stream)). They are no load either, and
    /// a cap counts them, too.
    pub streams: u64,
    /// Overtaken calls: in flight for so long, while younger ones are answered, that what they wait
    /// for is not the service's usual work. They are not part of `in_flight` either. A cap counts
    /// them.
    pub overtaken: u64,
    /// Requests that wait for a permit at this gate ([`Route::acquire`](crate::Route::acquire)).
    /// They are not in flight. Those for routes of a group wait at the group's gate.
    pub queued: u64,
    /// Debt D, in units.
    pub debt: f64,
    /// The capacity target N*, in units. Written as `limit`.
    #[cfg_attr(feature = "serde", serde(rename = "limit"))]
    pub target: f64,
    /// L, the latency of now; `None` while unknown. Written in seconds, 0 while unknown.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::seconds"))]
    pub latency: Option<Duration>,
    /// L0, the latency when the route is not crowded; `None` while unknown. Written likewise.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::seconds"))]
    pub baseline: Option<Duration>,
    /// X, the units of successes per second that the route is known to carry.
    pub throughput: f64,
    /// e, the smoothed share of failed calls, 0..=1.
    pub error_share: f64,
    /// M, in 1/s.
    pub momentum: f64,
    /// eps, how far latency rises with the in-flight count: 1 a queue, 0 free workers.
    pub elasticity: f64,
    /// eta, how far failures rise with admissions, 0..=1.
    pub effectiveness: f64,
    /// Nothing is shed, whatever the decision.
    pub shadow: bool,
    /// What an operator holds the route in: open, closed or shadow mode. Written as `forced_open`:
    /// true, false, or null where the circuit is left to the law.
    #[cfg_attr(feature = "serde", serde(rename = "forced_open", serialize_with = "written::forced_open"))]
    pub forced: Option<OverrideKind>,
    /// What is known of the outage while the breaker is open; `None` otherwise.
    pub outage: Option<Outage>,
    /// What the fleet leaves to this node of a callee that is one for all nodes; `None` where there
    /// is none, and without live peers.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub share: Option<Share>,
    /// What is held under leases, by number.
    pub leases: Vec<LeaseSnapshot>,
    /// Counts since the route was created, as of the last tick.
    pub counts: Counts,
}

/// Counts of one route since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Counts(Totals);

impl Counts {
    /// Requests of that tier that were let through.
    #[must_use]
    pub fn admitted(&self, tier: Tier) -> u64 {
        self.0.admitted[tier_index(tier)]
    }

    /// Requests of that tier that were refused for that reason; in shadow mode, that would have
    /// been.
    #[must_use]
    pub fn shed(&self, tier: Tier, reason: Reason) -> u64 {
        self.0.shed[reason_index(reason)][tier_index(tier)]
    }

    /// Requests of that tier that the gate of the route's group has refused: counted there as shed
    /// and for what reason, and not among what this route has shed.
    #[must_use]
    pub fn turned_away(&self, tier: Tier) -> u64 {
        self.0.turned_away[tier_index(tier)]
    }

    /// Requests of any tier that the gate of the route's group has refused.
    #[must_use]
    pub fn all_turned_away(&self) -> u64 {
        self.0.turned_away.iter().sum()
    }

    /// Requests of any tier that were let through.
    #[must_use]
    pub fn all_admitted(&self) -> u64 {
        self.0.admitted.iter().sum()
    }

    /// Requests of any tier that were refused for any reason.
    #[must_use]
    pub fn all_shed(&self) -> u64 {
        self.0.shed.iter().flatten().sum()
    }

    /// Calls that succeeded in time; of streams, those whose first byte was in time.
    #[must_use]
    pub const fn succeeded(&self) -> u64 {
        self.0.succeeded
    }

    /// Calls that failed, and streams that failed after their first byte.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.0.failed
    }

    /// Calls that came later than the SLO.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.0.late
    }

    /// Calls whose answers said nothing about the callee's health.
    #[must_use]
    pub const fn ignored(&self) -> u64 {
        self.0.ignored
    }

    /// Permits that were dropped without a verdict.
    #[must_use]
    pub const fn cancelled(&self) -> u64 {
        self.0.cancelled
    }

    /// Failures that said nothing new, because the call had started before the breaker saw its
    /// latest success.
    #[must_use]
    pub const fn outdated(&self) -> u64 {
        self.0.outdated
    }
}

impl RouteSnapshot {
    pub(crate) fn of(cell: &RouteCell) -> Self {
        Self::with(cell, &cell.physics())
    }

    /// `None` while somebody holds the route's lock.
    pub(crate) fn try_of(cell: &RouteCell) -> Option<Self> {
        Some(Self::with(cell, &*cell.try_physics()?))
    }

    fn with(cell: &RouteCell, physics: &RoutePhysics) -> Self {
        let live = cell.live();
        let (gate, control) = (live.gate(), live.control());
        let in_flight = live.exact_in_flight_signed().max(0) as u64;
        let debt = live.debt();
        let terms = live.terms_met(gate, control.mode(), in_flight as f64 + debt);
        let adaptive = physics.model().adaptive();
        Self {
            id: cell.id().clone(),
            is_group: cell.id().is_group(),
            group: cell.groups().shown().map(|group| group.id().clone()),
            mode: control.mode(),
            resistance: terms.resistance(),
            terms,
            signal: live.signal().filter(|_| terms.signal > Ohms::ZERO).and_then(name_of),
            in_flight,
            waiting: live.waiting().max(0) as u64,
            streams: live.streams().max(0) as u64,
            overtaken: live.overtaken().max(0) as u64,
            queued: cell.queued() as u64,
            debt,
            target: f64::from(gate.target()),
            latency: adaptive.and_then(|state| state.latency()).and_then(known),
            baseline: adaptive.and_then(|state| state.baseline()).and_then(known),
            throughput: adaptive.map_or(0.0, |state| state.throughput()),
            error_share: adaptive.map_or(0.0, |state| state.error_share()),
            momentum: adaptive.map_or(0.0, |state| state.momentum()),
            elasticity: adaptive.map_or(1.0, |state| state.elasticity()),
            effectiveness: adaptive.map_or(0.0, |state| state.effectiveness()),
            shadow: control.is_shadow(),
            forced: match control.force() {
                Force::None => None,
                Force::Open => Some(OverrideKind::ForceOpen),
                Force::Closed => Some(OverrideKind::ForceClosed),
                Force::Shadow => Some(OverrideKind::Shadow),
            },
            share: physics.share(),
            outage: physics.outage(cell.now()).filter(|_| control.mode() == Mode::CircuitBreaker),
            leases: cell.commons().leases.of(cell.id(), cell.now()),
            counts: Counts(physics.totals()),
        }
    }
}

/// Seconds of the physics, to the nanosecond; less than one is unknown.
fn known(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero())
}

/// The form that snapshots have always been written in.
#[cfg(feature = "serde")]
pub(crate) mod written {
    use std::time::Duration;

    use atrion_state::OverrideKind;
    use serde::{Serialize, Serializer};

    pub(super) fn seconds<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        span.map_or(0.0, |span| span.as_secs_f64()).serialize(to)
    }

    pub(crate) fn span<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        span.as_secs_f64().serialize(to)
    }

    pub(super) fn forced_open<S: Serializer>(kind: &Option<OverrideKind>, to: S) -> Result<S::Ok, S::Error> {
        let open = match kind {
            Some(OverrideKind::ForceOpen) => Some(true),
            Some(OverrideKind::ForceClosed) => Some(false),
            _ => None,
        };
        open.serialize(to)
    }
}
