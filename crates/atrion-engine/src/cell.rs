// SPDX-License-Identifier: Apache-2.0
//! One route: its live side, which requests touch, and its physics, which the pulse and slow
//! methods touch.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms, Outcome, Priority, Reason, Refusal, retry_after};
use atrion_state::{Restored, RouteId, lock};

use crate::commons::Commons;
use crate::groups::{Groups, Within};
use crate::live::{Live, Refused, Ticket, Verdict};
use crate::peers::{PeerReader, Peers};
use crate::physics::{Computed, Given, Members, Moved, Preset, RoutePhysics, Tap, TickCache};
use crate::shed::Shed;
use crate::slot;

mod waiting;

/// The name of the route that all names without a place share.
pub const OVERFLOW_ROUTE: &str = "__overflow__";

pub(crate) struct RouteCell {
    live: Live,
    commons: Arc<Commons>,
    id: RouteId,
    physics: Mutex<RoutePhysics>,
    groups: Groups,
    /// Of a group: what its routes measure.
    members: Option<Box<Members>>,
    /// What goes wrong on the route is no affair of its group.
    is_own: AtomicBool,
    /// When a refusal was last kept for people to look at; 0 is never.
    sampled_at: AtomicU64,
    /// The highest R that a refused request has met since the pulse last asked, in ohms; the bits
    /// of a float that is not negative rise with it.
    met: AtomicU64,
}

impl RouteCell {
    pub(crate) fn new(id: RouteId, preset: Preset, commons: Arc<Commons>, now: Mono) -> Self {
        let physics = RoutePhysics::new(preset, now);
        let live = physics.first_live(&commons.ladder, now);
        let members = id.is_group().then(Box::default);
        Self {
            live,
            commons,
            id,
            physics: Mutex::new(physics),
            groups: Groups::default(),
            members,
            is_own: AtomicBool::new(false),
            sampled_at: AtomicU64::new(0),
            met: AtomicU64::new(0),
        }
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

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    pub(crate) fn commons(&self) -> &Commons {
        &self.commons
    }

    /// Never on the path of a request.
    pub(crate) fn physics(&self) -> MutexGuard<'_, RoutePhysics> {
        lock(&self.physics)
    }

    /// The highest R that a refused request has met since this was last asked.
    pub(crate) fn take_met(&self) -> Option<Ohms> {
        let bits = self.met.swap(0, Relaxed);
        (bits != 0).then(|| Ohms::saturating(f64::from_bits(bits)))
    }

    /// The route that all names without a place share.
    pub(crate) fn is_overflow(&self) -> bool {
        self.id.as_str() == OVERFLOW_ROUTE
    }

    pub(crate) fn mode(&self) -> Mode {
        self.live.control().mode()
    }
}

/// The slow side. What peers say is read before the route's lock is taken.
impl RouteCell {
    /// COMPUTE.
    pub(crate) fn compute(
        &self,
        given: &Given,
        reader: Option<&PeerReader<'_>>,
        ticks: &mut TickCache,
    ) -> Computed {
        let wants_peers = reader.is_some() && self.physics().wants_peers();
        let members = self.groups.shown().and_then(|group| group.members.as_deref());
        let mut computed = self.with_peers(reader, wants_peers, |physics, peers| {
            physics.compute(&self.live, &self.commons.ladder, ticks, given, peers, members)
        });
        if let Some(members) = &self.members {
            members.turn();
        }
        // Relaxed: it is about the calls that end from about now on.
        self.is_own.store(computed.is_own, Relaxed);
        if computed.is_unread {
            (computed.moved, computed.hears) = self.listen(reader, true, given.now);
        }
        computed
    }

    /// A visit to a route on which nothing happens: peers' scars fade there, too, and so does what
    /// they do to the gate. Also says whether it is worth another visit.
    pub(crate) fn visit(&self, reader: Option<&PeerReader<'_>>, now: Mono) -> (Option<Moved>, bool) {
        let wants_peers = {
            let physics = self.physics();
            if physics.is_ahead_of(now) {
                return (None, physics.hears());
            }
            physics.wants_peers()
        };
        self.listen(reader, wants_peers, now)
    }

    fn listen(&self, reader: Option<&PeerReader<'_>>, read: bool, now: Mono) -> (Option<Moved>, bool) {
        self.with_peers(reader, read, |physics, peers| {
            physics.listen(&self.live, &self.commons.ladder, peers, now)
        })
    }

    fn with_peers<R>(
        &self,
        reader: Option<&PeerReader<'_>>,
        read: bool,
        act: impl FnOnce(&mut RoutePhysics, Peers<'_>) -> R,
    ) -> R {
        match reader {
            None => act(&mut self.physics(), Peers::Absent),
            Some(_) if !read => act(&mut self.physics(), Peers::Unread),
            Some(reader) => reader.read(&self.id, |view| act(&mut self.physics(), Peers::Read(view))),
        }
    }

    /// Takes over what an earlier run of this node knew. False if the route has measured something
    /// itself.
    pub(crate) fn restore(&self, restored: &Restored, now: Mono) -> bool {
        let taken = self.physics().restore(&self.live, &self.commons.ladder, restored, now);
        self.live.touch();
        taken
    }

    pub(crate) fn reset(&self, now: Mono) {
        self.physics().reset(&self.live, &self.commons.ladder, now);
    }

    pub(crate) fn reconfigure(&self, preset: Preset, now: Mono) {
        self.physics().reconfigure(&self.live, &self.commons.ladder, preset, now);
    }

    pub(crate) fn tap(&self, tap: Weak<dyn Tap>) {
        self.physics().tap(tap, self.now());
    }
}

/// What an admitted request holds: a slot of its route, and one of its group if it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    own: Ticket,
    shared: Option<Shared>,
}

#[derive(Debug, Clone, Copy)]
struct Shared {
    place: NonZeroU32,
    ticket: Ticket,
}

impl Held {
    pub(crate) fn start(&self) -> Mono {
        self.own.start
    }
}

/// The path of a request: the gate of its group if it has one, then the route's own.
///
/// In this order, because what a group refuses must teach its routes nothing: a route that counted
/// it would learn a limit that is not its own. What the route refuses was in the group for no time,
/// and leaves it as a call that says nothing.
impl RouteCell {
    #[inline(always)]
    pub(crate) fn admit(&self, asked: Within, priority: Priority, now: Mono) -> Result<Held, Shed> {
        let slot = slot::current();
        let place = self.groups.effective(asked);
        let Some((place, group)) = place.and_then(|place| Some((place, self.groups.get(place)?))) else {
            return match self.live.admit_fast(slot, priority, now) {
                Some(own) => Ok(Held { own, shared: None }),
                None => self.admit_slow(None, priority, now),
            };
        };
        match group.live.admit_fast(slot, priority, now) {
            Some(ticket) => {
                let shared = Some(Shared { place, ticket });
                match self.live.admit_fast(slot, priority, now) {
                    Some(own) => Ok(Held { own, shared }),
                    None => self.admit_slow(shared, priority, now),
                }
            }
            None => self.admit_both_slow(place, group, priority, now),
        }
    }

    /// Out of line: the size of a refusal must not push the usual answer into memory.
    #[inline(never)]
    fn admit_both_slow(
        &self,
        place: NonZeroU32,
        group: &Self,
        priority: Priority,
        now: Mono,
    ) -> Result<Held, Shed> {
        let slot = slot::current();
        match group.live.admit_slow(slot, priority, now, &self.commons.ladder) {
            Ok(ticket) => self.admit_slow(Some(Shared { place, ticket }), priority, now),
            Err(refused) => {
                self.live.turn_away(slot, refused.tier);
                Err(group.explain(refused, self, now))
            }
        }
    }

    /// The route's own decision; the group's has been taken.
    #[inline(never)]
    fn admit_slow(&self, shared: Option<Shared>, priority: Priority, now: Mono) -> Result<Held, Shed> {
        let slot = slot::current();
        match self.live.admit_slow(slot, priority, now, &self.commons.ladder) {
            Ok(own) => Ok(Held { own, shared }),
            Err(refused) => {
                if let Some(shared) = shared {
                    self.leave_group(slot, shared, Verdict::Cancelled, now);
                }
                Err(self.explain(refused, self, now))
            }
        }
    }

    #[inline(always)]
    pub(crate) fn finish(&self, held: Held, outcome: Option<Outcome>, now: Mono) {
        let slot = slot::current();
        let verdict = self.live.finish(slot, held.own, outcome, now);
        if let Some(shared) = held.shared {
            self.leave_group(slot, shared, verdict, now);
        }
    }

    /// Gives the group's slot back, with the route's verdict: a call is late by its route's SLO.
    #[inline(always)]
    fn leave_group(&self, slot: usize, shared: Shared, verdict: Verdict, now: Mono) {
        let verdict = match verdict {
            // What fails or is late by itself says nothing of what is shared.
            Verdict::Failed | Verdict::Late | Verdict::GivenUp if self.is_own.load(Relaxed) => {
                Verdict::Cancelled
            }
            verdict => verdict,
        };
        if let Some(group) = self.groups.get(shared.place) {
            group.live.finish_as(slot, shared.ticket, verdict, now);
        }
    }

    /// Puts the terms to a refusal of this gate, so that it can explain itself. `asked` is the route
    /// that the request was for: this one, or one of this group.
    #[cold]
    fn explain(&self, refused: Refused, asked: &Self, now: Mono) -> Shed {
        let Refused { reason, volts, tier, mode, in_flight, debt, gate } = refused;
        let target = f64::from(gate.target());
        // What callers reported of saturation is in the gate already; the live crowd comes on top.
        let terms = self.live.terms_met(gate, mode, in_flight as f64 + debt);
        // The fleet's share heals as the own one does.
        let scar = Ohms::saturating(terms.scar.get() + terms.cluster);
        let exact = match reason {
            Reason::ForcedOpen => left_of_override(self.live.forced_until().since(now)),
            _ => retry_after(mode, volts, scar, terms.base, self.live.scar_decay()),
        };
        let retry_after = jittered(exact, in_flight ^ volts.get().to_bits());
        let met = terms.resistance().get().to_bits();
        // Mostly a load: in an overload R hardly moves.
        if met > self.met.load(Relaxed) {
            self.met.fetch_max(met, Relaxed);
        }
        let refusal = Refusal { reason, volts, tier, terms, mode, in_flight, debt, target, retry_after };
        let by_group = !std::ptr::eq(self, asked);
        let gate = by_group.then_some(&self.id);
        self.commons.refusals.offer(&asked.id, gate, &asked.sampled_at, &refusal, now);
        Shed::new(refusal, by_group)
    }
}

impl fmt::Debug for RouteCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("id", &self.id).field("mode", &self.mode()).finish_non_exhaustive()
    }
}

/// An operator may lift an override before its end, so nobody is sent away for longer than by a
/// scar.
fn left_of_override(left: Duration) -> Duration {
    left.clamp(Duration::from_millis(100), Duration::from_secs(60))
}

/// Adds up to a quarter, never takes anything off: a retry that comes at the said time must have
/// its chance.
fn jittered(span: Duration, seed: u64) -> Duration {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    span + span.mul_f64(0.25 * mixed as f64 / (1 << 24) as f64)
}
