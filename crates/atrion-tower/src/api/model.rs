// SPDX-License-Identifier: Apache-2.0
//! The answers of the API, as plain data. Version 1 only ever gains fields; the names have the
//! units.

use std::collections::{BTreeMap, HashMap};

use atrion_core::{Mono, Reason, Share, Terms, Tier};
use atrion_engine::{
    Atrion, Counts, LeaseSnapshot, Outage, Override, RefusalSample, RouteSnapshot, SignalSnapshot,
};
use atrion_state::{
    Clock as _, Health, LeaseRecord, OverrideKind, ProviderStats, RouteId, SignalFault, SystemClock,
};
use serde::Serialize;

/// An instance at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InstanceView {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// A store fails, and the instance works from memory; or no pulse comes.
    pub degraded: bool,
    /// No pulse comes: nothing is learned, and little is protected.
    pub stalled: bool,
    /// The stores behind it; only `memory` where nothing is shared or kept.
    pub stores: Vec<StoreView>,
    /// Every route, by name.
    pub routes: Vec<RouteView>,
    /// The application's own signals, in the order of their making.
    pub signals: Vec<SignalView>,
    /// What earlier lives of this process held under leases when they ended, for a day. None of it is
    /// in flight.
    pub lost_leases: Vec<LostLeaseView>,
}

/// A store at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StoreView {
    /// `memory`, `redis`, `postgres`, or the name of another provider.
    pub name: &'static str,
    /// What is wrong with it; null if nothing is.
    pub trouble: Option<String>,
    /// The age of the oldest change that it has not taken yet; null where that is not known.
    pub lag_s: Option<f64>,
    /// The other nodes that are heard through it; null where nodes do not hear each other.
    pub nodes: Option<NodesView>,
}

/// Other nodes, by whether they are still heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodesView {
    /// Heard.
    pub live: usize,
    /// Not heard for a while: what they said fades.
    pub fading: usize,
}

/// A route at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RouteView {
    /// The name. It may hold any character but control characters: show it as text, never as
    /// markup.
    pub name: String,
    /// It is the gate of a group: its requests are counted at their routes, too, so sums over
    /// routes leave it out.
    pub is_group: bool,
    /// The gate of the group that its requests pass beside its own.
    pub group: Option<String>,
    /// `bootstrap`, `operational` or `circuit_breaker`.
    pub mode: &'static str,
    /// R as a request would meet it now, in ohms.
    pub resistance_ohm: f64,
    /// The terms of R.
    pub terms_ohm: TermsView,
    /// The strongest of the application's own signals here; null where none is in R.
    pub signal: Option<String>,
    /// Requests in flight, without those that wait for their client.
    pub in_flight: u64,
    /// Admitted requests that wait for their client, for the rest of an upload or for a slow
    /// reader.
    pub waiting: u64,
    /// Requests that wait for a permit at this gate; they are not in flight. Those for routes of a
    /// group wait at the group's gate.
    pub queued: u64,
    /// Open streams: answered requests whose answer is still being sent. Not among `in_flight` either.
    pub streams: u64,
    /// Overtaken calls: in flight for far longer than the service's usual work, while younger ones are
    /// answered. Not among `in_flight` either.
    pub overtaken: u64,
    /// N*, the capacity target, in requests. `limit` in JSON.
    #[serde(rename = "limit")]
    pub target: f64,
    /// D, in slots.
    pub debt: f64,
    /// What the fleet leaves to this node of a callee that is one for all nodes; null where there is
    /// none, and without live peers.
    pub fleet: Option<ShareView>,
    /// L, the current latency; 0 while unknown.
    pub latency_s: f64,
    /// L0, the latency without a crowd; 0 while unknown.
    pub baseline_s: f64,
    /// X, successes per second the route is known to carry.
    pub throughput_per_s: f64,
    /// e, the smoothed share of failed calls, 0..=1.
    pub error_share: f64,
    /// Everything is computed and nothing is shed.
    pub shadow: bool,
    /// What is known of the outage while the breaker is open; null otherwise.
    pub outage: Option<OutageView>,
    /// The override in force.
    #[serde(rename = "override")]
    pub by_hand: Option<OverrideView>,
    /// What is held under leases, by number.
    pub leases: Vec<LeaseView>,
    /// Requests since the route was created, by tier, the most important first.
    pub tiers: Vec<TierView>,
    /// Calls since the route was created, by outcome.
    pub outcomes: OutcomesView,
}

/// A lease at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LeaseView {
    /// Its number.
    pub lease: u64,
    /// Who works under it, in the holder's own words: show it as text, never as markup.
    pub owner: String,
    /// `critical` to `bulk`.
    pub tier: &'static str,
    /// What it costs.
    pub units: u32,
    /// For how long it has been held, in seconds.
    pub lasted_s: f64,
    /// How long ago its holder has beaten, in seconds.
    pub since_beat_s: f64,
    /// How much is done, 0..=1; null if the holder does not say.
    pub progress: Option<f64>,
}

/// A route's capacity in the fleet, where its callee is one for all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ShareView {
    /// More comes to the fleet than it works off: part and cut hold.
    pub in_force: bool,
    /// The fleet's N* less its debt, in requests. `limit` in JSON.
    #[serde(rename = "limit")]
    pub target: f64,
    /// Requests in flight at all nodes.
    pub in_flight: f64,
    /// The part of the limit that is this node's, with the slack for its own bursts.
    pub part: f64,
    /// R at rest at the least, in ohms: what the fleet cannot work off is under it.
    pub cut_ohm: f64,
}

/// A lease that a process has taken along that died.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LostLeaseView {
    /// The route that its slot was of.
    pub route: String,
    /// Its number in that life.
    pub lease: u64,
    /// Who worked under it, in the holder's own words: show it as text, never as markup.
    pub owner: String,
    /// Since when it was held, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// The latest beat that was kept, likewise.
    pub beat_ms: u64,
    /// How much was done then, 0..=1; null if the holder did not say.
    pub progress: Option<f64>,
}

/// An outage while the breaker is open. The error share says nothing of it: only probes pass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OutageView {
    /// How long the breaker has been open, in seconds.
    pub lasted_s: f64,
    /// Failed or late calls since the latest answer in time.
    pub failures_in_a_row: u32,
    /// Requests that passed as probes since the opening.
    pub probes: u64,
    /// Those of them that have failed, or came late.
    pub probes_failed: u64,
}

/// One of the application's own signals.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SignalView {
    /// Its name.
    pub name: String,
    /// The gate that it moves; null for those of all routes.
    pub route: Option<String>,
    /// The latest number; null while there is none that counts.
    pub reading: Option<f64>,
    /// The reading up to which it adds nothing.
    pub target: f64,
    /// The reading at which critical requests alone pass.
    pub edge: f64,
    /// How much of what saturation may add it adds, 0..=1.
    pub pressure: f64,
    /// `silent`, `not_a_number` or `panicked` while it has no number; null otherwise.
    pub fault: Option<&'static str>,
}

/// The terms of R, in ohms. Their sum is R, but R is never below the base.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TermsView {
    /// What a healthy route has.
    pub base: f64,
    /// The crowd.
    pub saturation: f64,
    /// Rising pressure.
    pub momentum: f64,
    /// What is left of past failures.
    pub scar: f64,
    /// Calls that do not return.
    pub staleness: f64,
    /// What the fleet adds or takes away: signed.
    pub cluster: f64,
    /// What the strongest of the application's own signals adds.
    pub signal: f64,
}

/// Requests of one tier.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TierView {
    /// `critical` to `bulk`.
    pub tier: &'static str,
    /// Requests that were admitted.
    pub admitted: u64,
    /// Requests that were refused, or would have been in shadow mode, by reason. Reasons without
    /// any are left out.
    pub shed: BTreeMap<&'static str, u64>,
    /// Requests that the gate of the route's group has refused; not among `shed`.
    pub turned_away: u64,
}

/// Calls by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutcomesView {
    /// Succeeded in time.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Later than the SLO.
    pub late: u64,
    /// Said nothing about the callee's health.
    pub ignored: u64,
    /// Dropped without an outcome.
    pub cancelled: u64,
}

/// An override in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OverrideView {
    /// `force_open`, `force_closed`, `reset` or `shadow`.
    pub kind: &'static str,
    /// Why.
    pub reason: String,
    /// Seconds until it ends.
    pub ends_in_s: f64,
}

/// One refusal that was kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RefusalView {
    /// Give the last one as `after` to get later ones.
    pub number: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The route that the request was for.
    pub route: String,
    /// The gate of the group that has refused it; null where the route's own did.
    pub group: Option<String>,
    /// `saturated`, `scarred`, `breaker_open`, `at_cap`, `forced_open`, `too_late`, `signal`
    /// or `fleet`.
    pub reason: &'static str,
    /// The tier of the request.
    pub tier: &'static str,
    /// V, its voltage.
    pub voltage_v: f64,
    /// R, the resistance that it met, in ohms.
    pub resistance_ohm: f64,
    /// The terms of R.
    pub terms_ohm: TermsView,
    /// The strongest of the application's own signals; null where none was in R.
    pub signal: Option<String>,
    /// The mode of the route.
    pub mode: &'static str,
    /// Requests in flight, without this one.
    pub in_flight: u64,
    /// N*, the capacity target, in requests. `limit` in JSON.
    #[serde(rename = "limit")]
    pub target: f64,
    /// D, in slots.
    pub debt: f64,
    /// How long until a request of this voltage has a chance again.
    pub retry_after_s: f64,
    /// How long the answer would have taken; null unless the request was refused for its deadline.
    pub expected_ms: Option<u32>,
}

impl InstanceView {
    pub(super) fn of(atrion: &Atrion) -> Self {
        let (snapshot, overrides) = (atrion.snapshot(), overrides_of(atrion));
        let view = |route: &RouteSnapshot| RouteView::of(route, overrides.get(&route.id));
        Self {
            at_ms: wall(),
            degraded: snapshot.degraded,
            stalled: snapshot.stalled,
            stores: atrion.provider_stats().iter().map(StoreView::of).collect(),
            routes: snapshot.routes.iter().map(view).collect(),
            signals: snapshot.signals.iter().map(SignalView::of).collect(),
            lost_leases: snapshot.lost_leases.iter().map(LostLeaseView::of).collect(),
        }
    }
}

impl StoreView {
    fn of(stats: &ProviderStats) -> Self {
        let trouble = match &stats.health {
            Health::Degraded { reason } => Some(reason.to_string()),
            Health::Disconnected => Some("not connected".to_owned()),
            _ => None,
        };
        let nodes = stats.nodes.map(|nodes| NodesView { live: nodes.live, fading: nodes.fading });
        Self { name: stats.provider, trouble, lag_s: stats.lag.map(|lag| lag.as_secs_f64()), nodes }
    }
}

impl RouteView {
    pub(super) fn of(route: &RouteSnapshot, by_hand: Option<&Override>) -> Self {
        Self {
            name: route.id.as_str().to_owned(),
            is_group: route.is_group,
            group: route.group.as_ref().map(|group| group.as_str().to_owned()),
            mode: route.mode.as_str(),
            resistance_ohm: route.resistance.get(),
            terms_ohm: TermsView::of(&route.terms),
            signal: route.signal.map(String::from),
            in_flight: route.in_flight,
            waiting: route.waiting,
            queued: route.queued,
            streams: route.streams,
            overtaken: route.overtaken,
            target: route.target,
            debt: route.debt,
            fleet: route.share.as_ref().map(ShareView::of),
            latency_s: route.latency.map_or(0.0, |span| span.as_secs_f64()),
            baseline_s: route.baseline.map_or(0.0, |span| span.as_secs_f64()),
            throughput_per_s: route.throughput,
            error_share: route.error_share,
            shadow: route.shadow,
            outage: route.outage.as_ref().map(OutageView::of),
            by_hand: by_hand.map(OverrideView::of),
            leases: route.leases.iter().map(LeaseView::of).collect(),
            tiers: Tier::ALL.into_iter().map(|tier| TierView::of(&route.counts, tier)).collect(),
            outcomes: OutcomesView::of(&route.counts),
        }
    }
}

impl LostLeaseView {
    fn of(lost: &LeaseRecord) -> Self {
        Self {
            route: lost.route.as_str().to_owned(),
            lease: lost.lease,
            owner: lost.owner.to_string(),
            since_ms: lost.since.as_millis(),
            beat_ms: lost.beat.as_millis(),
            progress: lost.progress,
        }
    }
}

impl LeaseView {
    fn of(lease: &LeaseSnapshot) -> Self {
        Self {
            lease: lease.id.get(),
            owner: lease.owner.clone(),
            tier: lease.tier.as_str(),
            units: lease.units.get(),
            lasted_s: lease.lasted.as_secs_f64(),
            since_beat_s: lease.since_beat.as_secs_f64(),
            progress: lease.progress,
        }
    }
}

impl SignalView {
    fn of(signal: &SignalSnapshot) -> Self {
        Self {
            name: signal.name.to_string(),
            route: signal.route.as_ref().map(|route| route.as_str().to_owned()),
            reading: signal.reading,
            target: signal.target,
            edge: signal.edge,
            pressure: signal.pressure,
            fault: signal.fault.map(SignalFault::as_str),
        }
    }
}

impl ShareView {
    fn of(share: &Share) -> Self {
        let Share { in_force, target, in_flight, part, cut } = *share;
        Self { in_force, target, in_flight, part, cut_ohm: cut.get() }
    }
}

impl OutageView {
    fn of(outage: &Outage) -> Self {
        Self {
            lasted_s: outage.lasted.as_secs_f64(),
            failures_in_a_row: outage.failures_in_a_row,
            probes: outage.probes,
            probes_failed: outage.probes_failed,
        }
    }
}

impl TermsView {
    fn of(terms: &Terms) -> Self {
        let Terms { base, saturation, momentum, scar, staleness, cluster, signal } = *terms;
        let [base, saturation, momentum, scar, staleness, signal] =
            [base, saturation, momentum, scar, staleness, signal].map(atrion_core::Ohms::get);
        Self { base, saturation, momentum, scar, staleness, cluster, signal }
    }
}

impl TierView {
    fn of(counts: &Counts, tier: Tier) -> Self {
        let shed = Reason::ALL.into_iter().map(|reason| (reason.as_str(), counts.shed(tier, reason)));
        let shed = shed.filter(|(_, count)| *count > 0).collect();
        Self {
            tier: tier.as_str(),
            admitted: counts.admitted(tier),
            shed,
            turned_away: counts.turned_away(tier),
        }
    }
}

impl OutcomesView {
    fn of(counts: &Counts) -> Self {
        Self {
            succeeded: counts.succeeded(),
            failed: counts.failed(),
            late: counts.late(),
            ignored: counts.ignored(),
            cancelled: counts.cancelled(),
        }
    }
}

impl OverrideView {
    fn of(active: &Override) -> Self {
        Self {
            kind: override_name(active.kind),
            reason: active.reason.clone(),
            ends_in_s: active.time_to_live.as_secs_f64(),
        }
    }
}

impl RefusalView {
    /// `now` on the instance's clock and on the wall clock, to date the refusal.
    pub(super) fn of(sample: &RefusalSample, (now, wall): (Mono, u64)) -> Self {
        let refusal = &sample.refusal;
        let ago = u64::try_from(now.since(sample.at).as_millis()).unwrap_or(u64::MAX);
        Self {
            number: sample.number,
            at_ms: wall.saturating_sub(ago),
            route: sample.route.as_str().to_owned(),
            group: sample.group.as_ref().map(|group| group.as_str().to_owned()),
            reason: refusal.reason.as_str(),
            tier: refusal.tier.as_str(),
            voltage_v: refusal.volts.get(),
            resistance_ohm: refusal.terms.resistance().get(),
            terms_ohm: TermsView::of(&refusal.terms),
            signal: sample.signal.map(String::from),
            mode: refusal.mode.as_str(),
            in_flight: refusal.in_flight,
            target: refusal.target,
            debt: refusal.debt,
            retry_after_s: refusal.retry_after.as_secs_f64(),
            expected_ms: refusal.expected_ms.map(u32::from),
        }
    }
}

/// The stable name of an override; `unknown` for one of a later version.
#[must_use]
pub const fn override_name(kind: OverrideKind) -> &'static str {
    match kind {
        OverrideKind::ForceOpen => "force_open",
        OverrideKind::ForceClosed => "force_closed",
        OverrideKind::Reset => "reset",
        OverrideKind::Shadow => "shadow",
        _ => "unknown",
    }
}

pub(super) fn overrides_of(atrion: &Atrion) -> HashMap<RouteId, Override> {
    atrion.overrides().list().into_iter().collect()
}

/// Milliseconds since the Unix epoch.
pub(super) fn wall() -> u64 {
    SystemClock.wall().as_millis()
}
