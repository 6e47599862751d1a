// SPDX-License-Identifier: Apache-2.0
//! One route: its live side, which requests touch, and its physics, which only the pulse and callers of slow methods do.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atrion_core::{Ladder, Mode, Mono, Ohms, Outcome, Priority, Refusal, Terms, retry_after};
use atrion_state::{Clock, RouteId, StateManager, lock};

use crate::fleet::Ear;
use crate::live::{Live, Refused, Ticket};
use crate::physics::{RoutePhysics, Site};
use crate::refusals::Refusals;
use crate::shed::Shed;
use crate::slot;

/// What all routes of an instance share.
#[derive(Debug)]
pub(crate) struct Commons {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ladder: Ladder,
    pub(crate) refusals: Refusals,
}

impl Commons {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, ladder: Ladder::new(), refusals: Refusals::default() }
    }
}

pub(crate) struct RouteCell {
    live: Live,
    commons: Arc<Commons>,
    id: RouteId,
    physics: Mutex<RoutePhysics>,
    /// When a refusal was last kept for people to look at; 0 is never.
    sampled_at: AtomicU64,
}

impl RouteCell {
    pub(crate) fn new(id: RouteId, physics: RoutePhysics, commons: Arc<Commons>, now: Mono) -> Self {
        let live = physics.first_live(&commons.ladder, now);
        Self { live, commons, id, physics: Mutex::new(physics), sampled_at: AtomicU64::new(0) }
    }

    #[inline]
    pub(crate) fn now(&self) -> Mono {
        self.commons.clock.now()
    }

    pub(crate) fn id(&self) -> &RouteId {
        &self.id
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// Where the route's physics stands in this pulse.
    pub(crate) fn site<'a>(&'a self, ear: Option<&'a Ear>, manager: &'a StateManager) -> Site<'a> {
        Site { route: &self.id, live: &self.live, ladder: &self.commons.ladder, ear, manager }
    }

    /// Never on the path of a request. The physics is valid after every step, so a panic elsewhere harms nothing.
    pub(crate) fn physics(&self) -> MutexGuard<'_, RoutePhysics> {
        lock(&self.physics)
    }

    #[inline(always)]
    pub(crate) fn admit_at_once(&self, priority: Priority, now: Mono) -> Option<Ticket> {
        self.live.admit_at_once(slot::current(), priority, now)
    }

    /// Out of line: the size of a refusal must not push the usual answer into memory.
    #[inline(never)]
    pub(crate) fn admit_with_care(&self, priority: Priority, now: Mono) -> Result<Ticket, Shed> {
        self.live
            .admit_with_care(slot::current(), priority, now, &self.commons.ladder)
            .map_err(|refused| self.explain(refused, now))
    }

    #[inline(always)]
    pub(crate) fn finish(&self, ticket: Ticket, outcome: Option<Outcome>, now: Mono) {
        self.live.finish(slot::current(), ticket, outcome, now);
    }

    /// Puts the terms to a refusal, so that it can explain itself.
    #[cold]
    fn explain(&self, refused: Refused, now: Mono) -> Shed {
        let published = self.live.terms();
        let Refused { reason, volts, tier, mode, in_flight, debt, gate } = refused;
        let target = f64::from(gate.target());
        // What callers reported of saturation is in the gate already; the live crowd comes on top.
        let crowd = gate.saturation(in_flight as f64 + debt).get();
        let terms = Terms { saturation: Ohms::saturating(published.saturation.get() + crowd), ..published };
        // The fleet's share heals as the own one does.
        let scar = Ohms::saturating(published.scar.get() + published.cluster);
        let exact = retry_after(mode, volts, scar, published.base, self.live.scar_decay());
        let retry_after = jittered(exact, in_flight ^ volts.get().to_bits());
        let refusal = Refusal { reason, volts, tier, terms, mode, in_flight, debt, target, retry_after };
        self.commons.refusals.offer(&self.id, &self.sampled_at, &refusal, now);
        Shed::new(refusal)
    }

    /// The route that all names without a place share.
    pub(crate) fn is_overflow(&self) -> bool {
        self.id.as_str() == crate::OVERFLOW_ROUTE
    }

    pub(crate) fn mode(&self) -> Mode {
        self.live.control().mode()
    }
}

impl fmt::Debug for RouteCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("id", &self.id).field("mode", &self.mode()).finish_non_exhaustive()
    }
}

/// Adds up to a quarter, never takes anything off: a retry that comes at the said time must have its chance.
fn jittered(span: Duration, seed: u64) -> Duration {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    span + span.mul_f64(0.25 * mixed as f64 / (1 << 24) as f64)
}
