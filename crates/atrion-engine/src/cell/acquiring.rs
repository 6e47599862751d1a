// SPDX-License-Identifier: Apache-2.0
//! Requests that wait for a permit. They stand in one line for all routes of a group, at the
//! group's gate, because they wait for the same places; of a route that is in none, at its own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_core::{Mono, Priority, Reason, Volts};
use tokio::sync::oneshot;

use super::groups::Within;
use super::{Held, RouteCell};
use crate::permit::OwnedPermit;
use crate::queue::{Answer, Place, Queue, Waiter};
use crate::shed::Shed;
use crate::slot;

/// A waiter, as the thread sees it that calls it up.
#[derive(Debug)]
pub(crate) struct Asking {
    cell: Arc<RouteCell>,
    within: Within,
    /// With the voltage that it has in the line.
    priority: Priority,
    /// Sent outside of the line's lock: it wakes the one that waits.
    tell: oneshot::Sender<Result<OwnedPermit, Shed>>,
}

/// The same for the one that waits. Dropped, it leaves the line, and gives back what it has been
/// given and not taken.
#[derive(Debug)]
pub(crate) struct Waits {
    gate: Arc<RouteCell>,
    place: Option<Place>,
    answer: oneshot::Receiver<Result<OwnedPermit, Shed>>,
}

impl RouteCell {
    /// How many wait for a permit at this gate.
    #[inline(always)]
    pub(crate) fn queued(&self) -> usize {
        self.queue.get().map_or(0, |queue| queue.len())
    }

    /// The gate in whose line requests of such a handle wait.
    fn gate_of_line(self: &Arc<Self>, asked: Within) -> &Arc<Self> {
        let group = self.groups.effective(asked).and_then(|place| self.groups.get(place));
        group.unwrap_or(self)
    }

    /// Lets the usual request through, if no waiter is before it. `None` says nothing but that it takes
    /// [`admit_unless_queued`](Self::admit_unless_queued).
    #[inline(always)]
    pub(crate) fn admit_usual_unless_queued(
        self: &Arc<Self>,
        asked: Within,
        priority: Priority,
        now: Mono,
    ) -> Option<Held> {
        if self.gate_of_line(asked).queued() == 0 { self.admit_usual(asked, priority, now) } else { None }
    }

    /// Lets a request through that need not wait, because it passes and no waiter is before it; refuses
    /// one for which it would be too late. `None`: it waits.
    pub(crate) fn admit_unless_queued(
        self: &Arc<Self>,
        asked: Within,
        priority: Priority,
        now: Mono,
    ) -> Result<Option<Held>, Shed> {
        if let Some(due) = priority.due() {
            self.refuse_too_late(slot::current(), asked, priority, due, now)?;
        }
        let is_first = self.gate_of_line(asked).queued() == 0;
        Ok(if is_first { self.offer(asked, priority, now).ok() } else { None })
    }

    /// Asks the gates of a request that can wait; a refusal is not counted.
    #[inline(never)]
    fn offer(&self, asked: Within, priority: Priority, now: Mono) -> Result<Held, Unpassed> {
        let (slot, ladder) = (slot::current(), &self.commons.ladder);
        let own = |reason| Unpassed { reason, by_group: false };
        let mut shared = None;
        if let Some(place) = self.groups.effective(asked)
            && let Some(group) = self.groups.get(place)
        {
            // What it does not get past here must not be in the group for nothing, again and again.
            self.live.would_pass(slot, priority, now, ladder).map_err(own)?;
            let by_group = |reason| Unpassed { reason, by_group: true };
            let ticket = group.live.offer(slot, priority, now, ladder).map_err(by_group)?;
            shared = Some((group, place, ticket));
        }
        let decided = self.live.offer(slot, priority, now, ladder).map_err(own);
        self.hold(slot, shared, decided, priority, now)
    }

    /// Takes a place in the line. It may have its answer at once.
    pub(crate) fn wait_in_line(
        self: &Arc<Self>,
        asked: Within,
        priority: Priority,
        end: Mono,
        now: Mono,
    ) -> Waits {
        let gate = Arc::clone(self.gate_of_line(asked));
        let (tell, answer) = oneshot::channel();
        let volts = self.live.volts_of(slot::current(), priority, false, now);
        let end = priority.due().map_or(end, |due| end.min(due));
        let priority = priority.as_important_as(Priority::volts(volts));
        let asking = Asking { cell: Arc::clone(self), within: asked, priority, tell };
        let queue = gate.queue.get_or_init(|| Box::new(Queue::new()));
        let (place, gone) = queue.with(|line| line.join(Waiter { volts, end, who: asking }));
        if let Some(gone) = gone {
            gone.who.settle(None, now);
        }
        if place.is_some() && !self.commons.queues.enlist(&gate, end) {
            gate.end_all_waits(now);
        }
        self.live.settle_count();
        gate.live.settle_count();
        gate.serve(now);
        Waits { gate, place, answer }
    }

    /// Calls up the waiters that may pass, and ends the wait of those whose patience is over.
    #[cold]
    pub(crate) fn serve(&self, now: Mono) {
        let Some(queue) = self.queue.get() else { return };
        let scan = || {
            let mut shut = Shut::default();
            move |waiter: &Waiter<Asking>| waiter.who.ask(self, waiter.volts, &mut shut, now)
        };
        queue.serve(now, scan, |waiter, held| waiter.who.settle(held, now));
    }

    /// The pulse's look: routes with waiters need their ticks.
    pub(crate) fn keep_awake(&self) {
        if let Some(queue) = self.queue.get() {
            self.live.touch();
            queue.with(|line| line.waiters().for_each(|waiter| waiter.who.cell.live.touch()));
        }
    }

    /// When the patience of the first ends.
    pub(crate) fn soonest_end(&self) -> Option<Mono> {
        self.queue.get()?.soonest()
    }

    /// Nobody waits any more.
    pub(crate) fn end_all_waits(&self, now: Mono) {
        let Some(queue) = self.queue.get() else { return };
        while let Some((waiter, _)) = queue.with(|line| line.next(|_| Answer::<()>::Ends)) {
            waiter.who.settle(None, now);
        }
    }

    /// Hands on what a call has given back.
    #[inline(always)]
    pub(super) fn hand_on(&self, now: Mono) {
        if self.queued() != 0 {
            self.serve(now);
        }
    }
}

/// Why an offer came to nothing.
struct Unpassed {
    reason: Reason,
    by_group: bool,
}

/// Which routes have kept one waiting in this look along the line, and the voltage that was not
/// enough: the many that wait for a route that is sick cost a comparison each, and no look at its
/// gate. It remembers the latest four.
#[derive(Default)]
struct Shut {
    routes: [Option<(*const RouteCell, Volts)>; 4],
    next: usize,
}

impl Shut {
    fn refuses(&self, cell: &Arc<RouteCell>, volts: Volts) -> bool {
        let is_refused =
            |(route, refused): &(_, Volts)| *route == Arc::as_ptr(cell) && volts.get() <= refused.get();
        self.routes.iter().flatten().any(is_refused)
    }

    fn remember(&mut self, cell: &Arc<RouteCell>, volts: Volts) {
        self.routes[self.next % self.routes.len()] = Some((Arc::as_ptr(cell), volts));
        self.next += 1;
    }
}

impl Asking {
    /// What the gates say now. `gate` is the one whose line it is.
    fn ask(&self, gate: &RouteCell, volts: Volts, shut: &mut Shut, now: Mono) -> Answer<Held> {
        let is_of_line = |by_group| by_group || std::ptr::eq(gate, &*self.cell);
        if shut.refuses(&self.cell, volts) {
            return Answer::Skipped;
        }
        match self.cell.offer(self.within, self.priority, now) {
            Ok(held) => Answer::Passes(held),
            Err(Unpassed { reason: Reason::ForcedOpen, .. }) => Answer::Ends,
            // Whether a probe is due for others, a refused probe does not say.
            Err(Unpassed { reason, by_group }) if reason != Reason::BreakerOpen && is_of_line(by_group) => {
                Answer::Blocked
            }
            Err(_) => {
                shut.remember(&self.cell, volts);
                Answer::Skipped
            }
        }
    }

    /// Gives the answer: what it holds, or the gates' ordinary word, which is counted.
    fn settle(self, held: Option<Held>, now: Mono) {
        let Self { cell, within, priority, tell } = self;
        let held = held.map_or_else(|| cell.admit(within, priority, now), Ok);
        let answer = held.map(|held| OwnedPermit::new(cell, held));
        // Nobody may be there any more: the permit is given back, and goes to the next.
        drop(tell.send(answer));
    }
}

impl Waits {
    /// Waits for the answer. `None`: no thread is left to give one.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<OwnedPermit, Shed>>> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        self.place = None;
        Poll::Ready(answer.ok())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        if let Some(queue) = self.gate.queue.get() {
            let left = queue.with(|line| line.leave(place));
            drop(left);
            self.gate.serve(self.gate.now());
        }
    }
}
