// SPDX-License-Identifier: Apache-2.0
//! The slow side of a route: what was measured becomes physics, and physics becomes a gate. One
//! COMPUTE is [`RoutePhysics::compute`]; it is the same for the pulse and for telemetry that a
//! caller hands in.
//!
//! - **It promises** that the model and the merge are functions of values: the window, the state
//!   before it, and what peers said. The live side is read before them and written after them, in
//!   this file's order.
//! - **It does not know** stores, providers or recordings: peers come in as [`Peers`], and a
//!   [`Tap`] is told.

use std::time::Duration;

use atrion_core::claim::Claims;
use atrion_core::{Ladder, Mode, Mono, Ohms, Share, Telemetry};
use atrion_state::PhysicsVector;

use crate::live::{Live, Reading, TIERS};
use crate::outage::Outage;
use crate::peers::{PeerQuery, Peers};
use crate::signal::Signalled;

mod turn;
pub use turn::Turn;

mod absence;

mod ages;

mod measure;
use measure::{Measured, Meter};

mod totals;
pub(crate) use totals::Totals;

mod preset;
pub(crate) use preset::Preset;

mod tick;
pub(crate) use tick::TickCache;

mod model;
pub(crate) use model::{Fed, Model};

mod hearsay;
pub(crate) use hearsay::Moved;
use hearsay::{Hearsay, Merge};

mod shared;
use shared::Shared;

mod report;
use report::Reported;

mod tap;
use tap::Taps;
pub(crate) use tap::{Tap, Tapped};

mod attribution;
use attribution::Attribution;
pub(crate) use attribution::Members;

mod gate;
mod life;

/// The model, the meter that feeds it, and what the engine remembers between ticks.
#[derive(Debug)]
pub(crate) struct RoutePhysics {
    model: Model,
    meter: Meter,
    stepped_at: Mono,
    reported: Option<Reported>,
    /// The strongest of the instance's signals here.
    signalled: Option<Signalled>,
    /// The live side's generation as of the last tick: a different one means that the request path
    /// opened or closed.
    generation: u32,
    /// The mode as of the last tick, for events.
    mode: Mode,
    totals: Totals,
    /// Answers past their deadline, as of the last tick.
    missed: u32,
    /// The breaker is open.
    outage: Option<OpenBreaker>,
    /// What the fleet says, and what it does to the gate.
    hearsay: Hearsay,
    /// What the fleet's loads leave to this node.
    shared: Shared,
    /// Whether what goes wrong is the route's own.
    attribution: Attribution,
    /// When each stripe's thread had last done anything, as of the last tick.
    last_moves: Vec<u64>,
    taps: Taps,
    /// What tenants claim, if there are any.
    claims: Option<Box<[Claims; TIERS]>>,
    /// Tenants have met contention of late.
    has_tenants: bool,
    /// What the request path has done since the taps were last told.
    untold: Vec<Turn>,
}

/// An open breaker, as of the last tick.
#[derive(Debug)]
struct OpenBreaker {
    /// Of its opening.
    generation: u32,
    since: Mono,
    /// Calls from before that have not ended. What ends is taken for one of them first: they are
    /// the older ones.
    before: u64,
    known: Outage,
}

/// What a COMPUTE is given beside the route's own counters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    pub(crate) now: Mono,
    /// A route that was idle is known to have been so until this long ago.
    pub(crate) interval: Duration,
    /// The pulse was away for this part of the time since the last one: right before `now`.
    pub(crate) absent: Duration,
    /// What a caller has measured itself.
    pub(crate) report: Option<Telemetry>,
    /// The strongest of the instance's signals at this gate.
    pub(crate) signalled: Option<Signalled>,
}

/// What one COMPUTE leaves behind for the pulse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Computed {
    pub(crate) from: Mode,
    pub(crate) to: Mode,
    pub(crate) counted: Reading,
    /// The node's own vector, without a time of the wall.
    pub(crate) vector: PhysicsVector,
    /// What the fleet's scars have begun or ceased to do to the gate.
    pub(crate) moved: Option<Moved>,
    /// The route has come by a scar in this very step, so the peers had not been read. They ought
    /// to be, now.
    pub(crate) is_unread: bool,
    /// A peer has a scar: the route is to be visited though nothing happens on it.
    pub(crate) hears: bool,
    /// What goes wrong on the route is no affair of its group.
    pub(crate) is_own: bool,
    /// Nothing will change without a request: the route needs no tick until it is touched again.
    pub(crate) is_quiet: bool,
}

/// From this many admissions a second on, a route is worth a stripe for each thread.
const BUSY: f64 = 500.0;

impl RoutePhysics {
    /// COMPUTE: measures what happened since the last one, steps the model, publishes the gate.
    pub(crate) fn compute(
        &mut self,
        live: &Live,
        ladder: &Ladder,
        ticks: &mut TickCache,
        given: &Given,
        peers: Peers<'_>,
        members: Option<&Members>,
    ) -> Computed {
        let Given { now, interval, absent, report, signalled } = *given;
        self.signalled = signalled;
        let from = self.mode;
        let before = self.catch_up(live);
        let (idle, dt) = self.time_since_last(now, interval);
        let Measured { mut window, counted, broken } = self.meter.measure(live, now, dt, absent);
        self.meter.overtake(&mut window, live, now, &self.model);
        // Also if that is back: a clock that has gone back costs this tick, not all until it has
        // caught up.
        self.stepped_at = now;
        live.spread_shares(&mut self.claims, &counted, (idle + dt).as_secs_f64());
        live.hear_tenants(peers.tenants());
        let tenants = live.heaviest_tenants(now);
        self.has_tenants = !tenants.is_none();
        self.reported =
            report.map(|report| Reported::of(&report, now)).or(self.reported).filter(|r| r.holds(now));
        if !absent.is_zero() {
            // What was under way while this process stood still has waited for it.
            live.excuse(now);
        }
        live.open_if_dead_now(now);
        let during = self.catch_up(live);
        if before.iter().chain(&during).any(|turn| *turn == Turn::Closed) {
            // Failures before the closing and after it cannot be told apart within a window, and
            // the former say nothing.
            window.failed = 0;
        }
        window.report = report;

        let fed = Fed { now, idle, dt, before: &before, during: &during, window };
        self.model.compute(&fed, ticks);
        self.attribution.judge(members, self.model.adaptive(), &window);
        let Merge { moved, is_unread } = self.merge(peers, now);
        self.shared.step(self.model.of_one_callee(), dt, &window, &counted, peers);
        self.tell_taps(fed, &counted, live);

        live.relax_debt(window.debt, self.model.debt());
        self.publish(live, ladder, now);
        self.set_pace(live, ladder, dt, window.completions(), counted.admissions());
        self.totals.add(&counted);
        self.totals.broken(broken);
        let missed = live.missed();
        self.totals.late_by_deadline(missed.wrapping_sub(self.missed));
        self.missed = missed;
        self.mode = live.control().mode();
        self.observe_outage(live, &counted, now);
        Computed {
            from,
            to: self.mode,
            counted,
            vector: self.model.vector(now).with_load(self.shared.load()).with_tenants(tenants),
            moved,
            is_unread,
            hears: self.hearsay.is_on(),
            is_own: self.attribution.is_own(),
            is_quiet: window.in_flight == 0
                && counted.admissions() + counted.refusals() == 0
                && self.reported.is_none()
                && self.model.is_neutral()
                && self.shared.is_quiet()
                && !self.has_tenants,
        }
    }

    /// The time since the last step, as the idle part before the window and the window.
    fn time_since_last(&self, now: Mono, interval: Duration) -> (Duration, Duration) {
        let since = now.since(self.stepped_at);
        let idle = since.saturating_sub(interval);
        if self.meter.was_idle() && idle > interval { (idle, since - idle) } else { (Duration::ZERO, since) }
    }

    fn set_pace(&mut self, live: &Live, ladder: &Ladder, dt: Duration, completions: u64, admissions: u64) {
        let seconds = dt.as_secs_f64();
        if seconds > 0.0 {
            let pace = completions as f64 / seconds;
            live.set_pace(self.model.target(), pace, &mut self.last_moves, ladder);
            if admissions as f64 / seconds >= BUSY && !live.is_striped() {
                live.stripe(crate::slot::stripes());
            }
        }
    }

    /// A tick in which the breaker opened has calls of before in it, so counting begins after it.
    fn observe_outage(&mut self, live: &Live, counted: &Reading, now: Mono) {
        if self.mode != Mode::CircuitBreaker {
            self.outage = None;
            return;
        }
        let (generation, failures_in_a_row) = (self.generation, live.failures_in_a_row());
        match &mut self.outage {
            Some(open) if open.generation == generation => {
                open.known.failures_in_a_row = failures_in_a_row;
                open.known.probes += counted.admissions();
                let of_probes = counted.finishes().saturating_sub(open.before);
                open.before = open.before.saturating_sub(counted.finishes());
                let failed = u64::from(counted.failed) + u64::from(counted.late);
                open.known.probes_failed += failed.min(of_probes);
            }
            outage => {
                let known = Outage { failures_in_a_row, ..Outage::default() };
                let before = live.exact_in_flight_signed() + live.waiting() + live.overtaken();
                let before = u64::try_from(before).unwrap_or(0);
                *outage = Some(OpenBreaker { generation, since: now, before, known });
            }
        }
    }

    /// What is known of an outage, if the breaker was open at the last tick.
    pub(crate) fn outage(&self, now: Mono) -> Option<Outage> {
        let OpenBreaker { since, known, .. } = self.outage.as_ref()?;
        Some(Outage { lasted: now.since(*since), ..*known })
    }

    fn tell_taps(&mut self, fed: Fed<'_>, counted: &Reading, live: &Live) {
        if self.taps.is_empty() {
            return;
        }
        self.untold.extend_from_slice(fed.before);
        let (signalled, merged) = (self.strongest_signal(), self.hearsay.merged());
        let fed = Fed { before: &self.untold, ..fed };
        let (control, model) = (live.control(), &self.model);
        let by_group = self.attribution.leaves_the_crowd_to_the_group();
        let share = self.shared.share().filter(|share| share.in_force);
        self.taps.computed(&Tapped { fed, counted, signalled, merged, share, by_group, control, model });
        self.untold.clear();
    }

    /// Takes what peers say into the gate, on a route on which nothing happens or that has just
    /// come by its first scar. Also says whether it is worth another visit.
    pub(crate) fn listen(
        &mut self,
        live: &Live,
        ladder: &Ladder,
        peers: Peers<'_>,
        now: Mono,
    ) -> (Option<Moved>, bool) {
        let Merge { moved, .. } = self.merge(peers, now);
        self.publish(live, ladder, now);
        (moved, self.hearsay.is_on())
    }

    /// What a caller has reported of this route is a signal like the others.
    fn strongest_signal(&self) -> Option<Signalled> {
        let reported = self.reported.map(|reported| reported.signalled);
        Signalled::stronger(self.signalled, reported).filter(|signalled| signalled.pressure > 0.0)
    }

    fn merge(&mut self, peers: Peers<'_>, now: Mono) -> Merge {
        let Self { model, hearsay, stepped_at, .. } = self;
        let (scar, idle) = (model.scar(), now.since(*stepped_at));
        let query =
            || PeerQuery { scar, evidence: model.evidence_after(idle), ceiling: model.scar_ceiling() };
        hearsay.merge(peers, scar, query, now)
    }

    /// There is something to hear about this route.
    pub(crate) fn attend(&mut self) {
        self.hearsay.attend();
    }

    /// What peers say may matter to the next COMPUTE. On a recorded route it is always read, so
    /// that the record of a step has what the gate got.
    pub(crate) fn wants_peers(&self) -> bool {
        self.hearsay.wants(self.model.scar())
            || self.model.of_one_callee().is_some()
            || self.has_tenants
            || !self.taps.is_empty()
    }

    /// What peers say of tenants matters to the next tick.
    pub(crate) fn has_tenants(&self) -> bool {
        self.has_tenants
    }

    /// A tick or visit at `now` has been here, or a clock has gone back and a tick will come.
    pub(crate) fn is_ahead_of(&self, now: Mono) -> bool {
        self.stepped_at >= now
    }

    /// A peer has a scar: the route is worth another visit.
    pub(crate) fn hears(&self) -> bool {
        self.hearsay.is_on()
    }

    /// The scar that the gate uses in the place of the own one, if the fleet has one.
    pub(crate) fn merged_scar(&self) -> Option<Ohms> {
        self.hearsay.merged()
    }

    /// What the fleet leaves to this node of a callee that is one for all.
    pub(crate) fn share(&self) -> Option<Share> {
        self.shared.share()
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    pub(crate) fn last_step(&self) -> Mono {
        self.stepped_at
    }
}
