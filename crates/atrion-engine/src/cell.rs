// SPDX-License-Identifier: Apache-2.0
//! One route: its live side, which requests touch, and its physics, which the pulse and slow
//! methods touch.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError, Weak};
use std::time::Duration;

use atrion_core::{Cost, Mode, Mono, Ohms, Outcome, Priority, Reason, Refusal, Tier, retry_after};
use atrion_state::{Restored, RouteId, lock};

use crate::commons::Commons;
use crate::config::Hold;
use crate::lease::LeaseOptions;
use crate::live::{Live, Mark, Refused, Ticket, Verdict};
use crate::peers::{PeerReader, Peers};
use crate::physics::{Computed, Given, Members, Moved, Preset, RoutePhysics, Tap, TickCache};
use crate::queue::Queue;
use crate::shed::Shed;
use crate::slot;

mod groups;
use groups::Groups;
pub(crate) use groups::Within;

mod acquiring;
pub(crate) use acquiring::{Asking, Waits};

mod waiting;

mod streaming;
pub(crate) use streaming::Streaming;

/// The name of the route that all names without a place share.
pub const OVERFLOW_ROUTE: &str = "__overflow__";

pub(crate) struct RouteCell {
    live: Live,
    commons: Arc<Commons>,
    id: RouteId,
    physics: Mutex<RoutePhysics>,
    groups: Groups,
    /// The line of those that wait for a permit; made for the first of them.
    queue: OnceLock<Box<Queue<Asking>>>,
    /// Of a group: what its routes measure.
    members: Option<Box<Members>>,
    /// What goes wrong on the route is no affair of its group.
    is_own: AtomicBool,
    /// How long a request counts as in flight, as the configuration says: the number of a [`Hold`].
    hold: AtomicU8,
    /// When a refusal was last kept for people to look at; 0 is never.
    sampled_at: AtomicU64,
    /// The highest R that a refused request has met since the pulse last asked, in ohms; the bits
    /// of a float that is not negative rise with it.
    met: AtomicU64,
}

impl RouteCell {
    pub(crate) fn new(id: RouteId, preset: Preset, commons: Arc<Commons>, now: Mono) -> Self {
        let hold = AtomicU8::new(Hold::to_number(preset.hold()));
        let physics = RoutePhysics::new(preset, now);
        let live = physics.first_live(&commons, now);
        let members = id.is_group().then(Box::default);
        Self {
            live,
            commons,
            id,
            physics: Mutex::new(physics),
            groups: Groups::default(),
            queue: OnceLock::new(),
            members,
            is_own: AtomicBool::new(false),
            hold,
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

    pub(crate) fn commons(&self) -> &Arc<Commons> {
        &self.commons
    }

    /// Never on the path of a request.
    pub(crate) fn physics(&self) -> MutexGuard<'_, RoutePhysics> {
        lock(&self.physics)
    }

    /// The same without a wait; `None` while somebody holds the lock.
    pub(crate) fn try_physics(&self) -> Option<MutexGuard<'_, RoutePhysics>> {
        match self.physics.try_lock() {
            Ok(physics) => Some(physics),
            // As `lock` does: what a panic left behind is looked at all the same.
            Err(TryLockError::Poisoned(physics)) => Some(physics.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
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

    /// How long a request counts as in flight, if the configuration says.
    pub(crate) fn hold_configured(&self) -> Option<Hold> {
        // Relaxed: nothing else has to be seen with it.
        Hold::of_number(self.hold.load(Relaxed))
    }

    /// How leases are kept alive. Never on the path of a request.
    pub(crate) fn lease_options(&self) -> LeaseOptions {
        self.physics().model().config().lease_options()
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
        let (wants_peers, of_tenants) = match reader {
            Some(_) => {
                let physics = self.physics();
                (physics.wants_peers(), physics.has_tenants())
            }
            None => (false, false),
        };
        let members = self.groups.shown().and_then(|group| group.members.as_deref());
        let mut computed = self.with_peers(reader, wants_peers, of_tenants, |physics, peers| {
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
        self.with_peers(reader, read, false, |physics, peers| {
            physics.listen(&self.live, &self.commons.ladder, peers, now)
        })
    }

    fn with_peers<R>(
        &self,
        reader: Option<&PeerReader<'_>>,
        read: bool,
        of_tenants: bool,
        act: impl FnOnce(&mut RoutePhysics, Peers<'_>) -> R,
    ) -> R {
        match reader {
            None => act(&mut self.physics(), Peers::Absent),
            Some(_) if !read => act(&mut self.physics(), Peers::Unread),
            Some(reader) => {
                reader.read(&self.id, of_tenants, |view| act(&mut self.physics(), Peers::Read(view)))
            }
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
        self.hold.store(Hold::to_number(preset.hold()), Relaxed);
        self.physics().reconfigure(&self.live, &self.commons.ladder, preset, now);
    }

    pub(crate) fn tap(&self, tap: Weak<dyn Tap>) {
        self.physics().tap(tap, self.now());
    }
}

/// No deadline.
const NEVER: Mono = Mono::from_nanos(u64::MAX);

/// What an admitted request holds: a slot of its route, and one of its group if it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    start: Mono,
    tier: Tier,
    own: Mark,
    shared: Option<Shared>,
    /// By when the answer is of use; the far end of the clock without a deadline.
    due: Mono,
    /// What it costs; 0 is the usual call of one unit. A whole word, as what stands around it.
    units: u64,
}

#[derive(Debug, Clone, Copy)]
struct Shared {
    place: NonZeroU32,
    mark: Mark,
}

impl Held {
    pub(crate) fn cost(&self) -> Cost {
        Cost::saturating(self.units as u32)
    }

    pub(crate) fn start(&self) -> Mono {
        self.start
    }

    #[inline(always)]
    fn ticket(&self, mark: Mark) -> Ticket {
        Ticket { start: self.start, tier: self.tier, mark, units: self.units as u32 }
    }
}

/// The path of a request: the gate of its group if it has one, then the route's own.
///
/// In this order, because what a group refuses must teach its routes nothing: a route that counted
/// it would learn a limit that is not its own. What the route refuses was in the group for no time,
/// and leaves it as a call that says nothing.
///
/// The usual request, in and out, is counted at both gates only when both have been looked at, so
/// that what is not usual starts from nothing.
impl RouteCell {
    /// Lets the usual request through. `None` says nothing but that it takes
    /// [`admit`](Self::admit).
    #[inline(always)]
    pub(crate) fn admit_usual(&self, asked: Within, priority: Priority, now: Mono) -> Option<Held> {
        let (slot, tier) = (slot::current(), priority.usual_tier()?);
        let own = self.live.passing(slot, tier)?;
        let shared = match self.groups.effective(asked) {
            None => None,
            Some(place) => {
                let mark = self.groups.get(place)?.live.passing(slot, tier)?.enter(tier, now);
                Some(Shared { place, mark })
            }
        };
        Some(Held { start: now, tier, own: own.enter(tier, now), shared, due: NEVER, units: 0 })
    }

    /// Decides on any request.
    #[inline(never)]
    pub(crate) fn admit(&self, asked: Within, priority: Priority, now: Mono) -> Result<Held, Shed> {
        let (slot, ladder) = (slot::current(), &self.commons.ladder);
        if let Some(due) = priority.due() {
            self.refuse_too_late(slot, asked, priority, due, now)?;
        }
        let mut shared = None;
        if let Some(place) = self.groups.effective(asked)
            && let Some(group) = self.groups.get(place)
        {
            match group.live.admit(slot, priority, now, ladder) {
                Ok(ticket) => shared = Some((group, place, ticket)),
                Err(refused) => {
                    group.live.weigh_refusal(priority.units().get());
                    self.live.turn_away(slot, refused.tier);
                    return Err(group.explain(refused, None, self, now));
                }
            }
        }
        let own = self.live.admit(slot, priority, now, ladder).map_err(|refused| {
            self.live.weigh_refusal(priority.units().get());
            self.explain(refused, None, self, now)
        });
        self.hold(slot, shared, own, priority, now)
    }

    /// What a request holds on whose route was decided, too. Refused by it, the request leaves the
    /// group.
    fn hold<E>(
        &self,
        slot: usize,
        shared: Option<(&Arc<Self>, NonZeroU32, Ticket)>,
        own: Result<Ticket, E>,
        priority: Priority,
        now: Mono,
    ) -> Result<Held, E> {
        match own {
            Ok(Ticket { start, tier, mark, .. }) => {
                let shared = shared.map(|(_, place, ticket)| Shared { place, mark: ticket.mark });
                let due = priority.due().unwrap_or(NEVER);
                let mut held = Held { start, tier, own: mark, shared, due, units: 0 };
                self.weigh(&mut held, priority.units(), now);
                Ok(held)
            }
            Err(refused) => {
                if let Some((group, _, ticket)) = shared {
                    group.live.settle(slot, ticket, Verdict::Cancelled, now);
                }
                Err(refused)
            }
        }
    }

    /// Asks both gates whether the answer can come in time.
    #[cold]
    fn refuse_too_late(
        &self,
        slot: usize,
        asked: Within,
        priority: Priority,
        due: Mono,
        now: Mono,
    ) -> Result<(), Shed> {
        let tier = priority.counted_as();
        let group = self.groups.effective(asked).and_then(|place| self.groups.get(place));
        for gate in group.map(|group| &**group).into_iter().chain([self]) {
            if let Some(expected) = gate.live.refuse_too_late(slot, tier, due, now) {
                if !std::ptr::eq(gate, self) {
                    self.live.turn_away(slot, tier);
                }
                let refused = gate.live.met(Reason::TooLate, priority, now);
                return Err(gate.explain(refused, Some(expected), self, now));
            }
        }
        Ok(())
    }

    /// The call costs so much from now on, at both gates.
    pub(crate) fn weigh(&self, held: &mut Held, cost: Cost, now: Mono) {
        let units = cost.get();
        if held.units.max(1) == u64::from(units) {
            return;
        }
        let slot = slot::current();
        self.gates(held).for_each(|(live, ticket)| live.weigh(slot, ticket, units, now));
        held.units = units.into();
    }

    #[inline(always)]
    pub(crate) fn finish(&self, held: Held, outcome: Option<Outcome>, now: Mono) {
        let is_done = outcome == Some(Outcome::Success)
            && held.due == NEVER
            && held.units == 0
            && self.live.is_in_time(held.start, now)
            && self.succeed_as_usual(held, now).is_some();
        if !is_done {
            // In pieces: as a whole it would have to lie in memory, for the usual call, too.
            let Held { start, tier, own, shared, due, units } = held;
            let outcome = if now > due { self.past_due(outcome) } else { outcome };
            self.settle(start, tier, own, shared, units, outcome, now);
        }
        self.hand_on_at_all(held.shared, now);
    }

    /// There may be a place again, at this gate and at that of the group.
    #[inline(always)]
    fn hand_on_at_all(&self, shared: Option<Shared>, now: Mono) {
        self.hand_on(now);
        if let Some(group) = shared.and_then(|shared| self.groups.get(shared.place)) {
            group.hand_on(now);
        }
    }

    /// An answer past its deadline is of no use to its client, and says nothing of the callee: the
    /// deadline is the client's, and the SLO is the route's.
    #[cold]
    fn past_due(&self, outcome: Option<Outcome>) -> Option<Outcome> {
        if outcome == Some(Outcome::Success) {
            self.live.missed_its_deadline();
            return Some(Outcome::Ignored);
        }
        outcome
    }

    /// `None`: nothing is counted yet.
    #[inline(always)]
    fn succeed_as_usual(&self, held: Held, now: Mono) -> Option<()> {
        let slot = slot::current();
        let own = self.live.leaving(slot, held.start)?;
        if let Some(Shared { place, mark }) = held.shared {
            self.groups.get(place)?.live.leaving(slot, held.start)?.succeed(held.ticket(mark), now);
        }
        own.succeed(held.ticket(held.own), now);
        Some(())
    }

    /// Gives both slots back. The group has the route's verdict: a call is late by its route's SLO.
    #[allow(clippy::too_many_arguments)] // in pieces: as a whole it would lie in memory
    #[inline(never)]
    fn settle(
        &self,
        start: Mono,
        tier: Tier,
        own: Mark,
        shared: Option<Shared>,
        units: u64,
        outcome: Option<Outcome>,
        now: Mono,
    ) {
        let (slot, ticket) = (slot::current(), |mark| Ticket { start, tier, mark, units: units as u32 });
        let verdict = match self.live.finish(slot, ticket(own), outcome, now) {
            // What fails or is late by itself says nothing of what is shared.
            Verdict::Failed | Verdict::Late | Verdict::GivenUp if self.is_own.load(Relaxed) => {
                Verdict::Cancelled
            }
            verdict => verdict,
        };
        if let Some(Shared { place, mark }) = shared
            && let Some(group) = self.groups.get(place)
        {
            group.live.settle(slot, ticket(mark), verdict, now);
        }
    }

    /// Puts the terms to a refusal of this gate, so that it can explain itself. `asked` is the
    /// route that the request was for: this one, or one of this group.
    #[cold]
    fn explain(&self, refused: Refused, expected: Option<Duration>, asked: &Self, now: Mono) -> Shed {
        let Refused { reason, volts, tier, mode, in_flight, debt, gate } = refused;
        let target = f64::from(gate.target());
        let terms = self.live.terms_met(gate, mode, in_flight as f64 + debt);
        // The fleet's share heals as the own one does.
        let scar = Ohms::saturating(terms.scar.get() + terms.cluster);
        let exact = match reason {
            Reason::ForcedOpen => left_of_override(self.live.forced_until().since(now)),
            _ => retry_after(mode, volts, scar, terms.base, self.live.scar_decay()),
        };
        let retry_after = jittered(exact, in_flight ^ volts.get().to_bits());
        let expected_ms = expected.map(milliseconds);
        let met = terms.resistance().get().to_bits();
        // Mostly a load: in an overload R hardly moves.
        if met > self.met.load(Relaxed) {
            self.met.fetch_max(met, Relaxed);
        }
        let signal = self.live.signal().filter(|_| terms.signal > Ohms::ZERO);
        let refusal = Refusal {
            reason,
            volts,
            tier,
            terms,
            mode,
            in_flight,
            debt,
            target,
            retry_after,
            expected_ms,
            signal,
        };
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

/// Rounded up, and at least one.
fn milliseconds(span: Duration) -> NonZeroU32 {
    let whole = u32::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
    NonZeroU32::new(whole).unwrap_or(NonZeroU32::MIN)
}

/// An operator may lift an override before its end, so no request is sent away for longer than by a
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
